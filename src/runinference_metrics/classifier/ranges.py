"""How all linear layers of a model are quantised, and the file in its folder that keeps it."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from runinference_metrics.classifier.calibration import Quantised
from runinference_metrics.errors import first_line

# A layer whose outputs in 8 bits are further off than this, as a share of their root mean square,
# stays in floating point. With inputs without outliers it is a hundredth or two.
MOST_ERROR = 0.1
# Of the file's form. One entry has all that is said, since the order of several is not the same
# each time that a file is written.
_VERSION = 1
_ENTRY = "runinference_metrics.int8"


class Unfit(ValueError):
    """A file of ranges that is damaged, or another model's."""


@dataclass(frozen=True)
class Ranges:
    """How the linear layers of a model are quantised.

    Args:
        layers: how each is, by its name.
        texts: of how many texts that was found.
        origin: the name of the file with the texts; empty for the built-in ones.
    """

    layers: Mapping[str, Quantised]
    texts: int
    origin: str = ""

    @property
    def in_float(self) -> list[str]:
        """The layers that lose too much in 8 bits, and stay in floating point."""
        return [name for name, how in self.layers.items() if how.error > MOST_ERROR]

    def __str__(self) -> str:
        """As metrics.json says it."""
        found_of = f"{self.texts} texts ({self.origin})" if self.origin else \
            f"{self.texts} built-in texts"  # fmt: skip
        count = len(self.layers)
        return f"ranges of {found_of}, {count - len(self.in_float)} of {count} layers"

    def of(self, name: str, weight: torch.Tensor) -> Quantised:
        """How a layer is quantised.

        Args:
            name: its name.
            weight: shape [outputs, inputs].

        Raises:
            Unfit: nothing is known of such a layer.
        """
        how = self.layers.get(name)
        if how is None or (len(how.correction), len(how.factors)) != weight.shape:
            outputs, inputs = weight.shape
            raise Unfit(f"which has no ranges of a layer {name} of {outputs} x {inputs}")
        return how


def write(file: Path, by_levels: Mapping[int, Ranges], weights_digest: str) -> None:
    """Writes ranges of one model; the same ranges give the same bytes.

    Args:
        file: where to.
        by_levels: the ranges for each number of steps of an input, all of the same texts.
        weights_digest: the digest of the model's weights, as `ModelFolder` has it.
    """
    tensors: dict[str, torch.Tensor] = {}
    for levels, ranges in by_levels.items():
        for name, how in ranges.layers.items():
            tensors |= {f"{levels}.{name}.{part}": one for part, one in _tensors(how).items()}
    first = next(iter(by_levels.values()))
    said = {
        "version": _VERSION,
        "weights": weights_digest,
        "texts": first.texts,
        "origin": first.origin,
        "levels": list(by_levels),
    }
    save_file(tensors, file, metadata={_ENTRY: json.dumps(said)})


def is_ours(file: Path) -> bool:
    """Whether a file is one of ranges, of whatever version; raises Unfit when it is damaged."""
    with _opened(file) as stored:
        return _ENTRY in (stored.metadata() or {})


def read(file: Path, levels: int, weights_digest: str) -> Ranges | None:
    """Reads ranges; None where they are of another version of this program.

    Args:
        file: where they are.
        levels: the steps of an input on this processor.
        weights_digest: the digest of the model's weights, as `ModelFolder` has it.

    Raises:
        Unfit: the file is damaged, or another model's.
    """
    with _opened(file) as stored:
        said = _said(stored.metadata() or {})
        if said is None:
            return None
        if said.weights != weights_digest:
            raise Unfit("which belongs to other weights than those beside it")
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        of, _, rest = key.partition(".")
        name, _, part = rest.rpartition(".")
        if of == str(levels):
            parts.setdefault(name, {})[part] = tensor
    # By the number of their layer, of which 10 comes behind 9.
    ordered = sorted(parts, key=lambda name: (len(name.partition(".")[0]), name))
    layers = {name: _quantised(name, parts[name], levels) for name in ordered}
    return Ranges(layers, said.texts, said.origin)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (SafetensorError, OSError) as error:
        raise Unfit(f"which cannot be read ({first_line(error)})") from error


@dataclass(frozen=True)
class _Said:
    weights: str
    texts: int
    origin: str


def _said(metadata: Mapping[str, str]) -> _Said | None:
    """What the header says; None for that of another version."""
    if _ENTRY not in metadata:
        raise Unfit("which is none of this program's")
    try:
        said = json.loads(metadata[_ENTRY])
        if said["version"] != _VERSION:
            return None
        return _Said(str(said["weights"]), int(said["texts"]), str(said["origin"]))
    except (KeyError, ValueError, TypeError):
        raise Unfit("whose header is damaged") from None


def _tensors(how: Quantised) -> dict[str, torch.Tensor]:
    return {
        "scale": torch.tensor(how.scale, dtype=torch.float64),
        "zero_point": torch.tensor(how.zero_point),
        "factors": how.factors.float().contiguous(),
        "correction": how.correction.float().contiguous(),
        "error": torch.tensor(how.error, dtype=torch.float64),
    }


def _quantised(name: str, parts: Mapping[str, torch.Tensor], levels: int) -> Quantised:
    try:
        scale, zero_point, error = (
            parts[part].item() for part in ("scale", "zero_point", "error")
        )  # fmt: skip
        factors, correction = parts["factors"], parts["correction"]
    except (KeyError, RuntimeError):
        raise Unfit(f"whose ranges of the layer {name} are not complete") from None
    sound = (
        math.isfinite(error)
        and 0 < scale < math.inf
        and 0 <= zero_point <= levels
        and factors.ndim == correction.ndim == 1
        and bool((factors > 0).all() and factors.isfinite().all() and correction.isfinite().all())
    )
    if not sound:
        raise Unfit(f"whose ranges of the layer {name} are no numbers that there can be")
    return Quantised(float(scale), int(zero_point), factors, correction, float(error))
