"""The file that keeps a model's ranges for 8 bits."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from runinference_metrics.classifier import ranges
from runinference_metrics.classifier.calibration import Quantised
from runinference_metrics.classifier.ranges import Ranges, Unfit

DIGEST = "sha256:" + "1" * 64
ENTRY = "runinference_metrics.int8"
POSITIVE = st.floats(min_value=1e-30, max_value=1e30)


def layer(scale: float = 0.1, zero_point: int = 3, error: float = 0.02) -> Quantised:
    return Quantised(scale, zero_point, torch.tensor([1.0, 2.0]), torch.tensor([0.5] * 3), error)


def both(one: Ranges) -> dict[int, Ranges]:
    return {255: one, 127: replace(one, layers={"0.up": layer(scale=0.7)})}


def same(one: Quantised, other: Quantised) -> bool:
    return (
        (one.scale, one.zero_point, one.error) == (other.scale, other.zero_point, other.error)
        and torch.equal(one.factors, other.factors)
        and torch.equal(one.correction, other.correction)
    )


@given(POSITIVE, st.integers(0, 255), POSITIVE, st.text(max_size=9), st.integers(1, 512))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    scale: float, zero_point: int, error: float, origin: str, texts: int,
) -> None:  # fmt: skip
    file = tmp_path_factory.getbasetemp() / "int8.safetensors"
    names = ("0.up", "2.down", "10.up")
    given_ranges = Ranges({name: layer(scale, zero_point, error) for name in names}, texts, origin)
    ranges.write(file, both(given_ranges), DIGEST)
    content = file.read_bytes()
    ranges.write(file, both(given_ranges), DIGEST)
    assert file.read_bytes() == content
    assert ranges.is_ours(file)
    found = ranges.read(file, 255, DIGEST)
    assert found is not None
    assert (found.texts, found.origin, tuple(found.layers)) == (texts, origin, names)
    assert all(same(found.layers[name], given_ranges.layers[name]) for name in names)
    other = ranges.read(file, 127, DIGEST)
    assert other is not None
    assert other.layers["0.up"].scale == 0.7


def test_it_says_how_many_layers_there_are_and_of_what_texts() -> None:
    layers = {"0.up": layer(), "0.down": layer(error=0.2)}
    assert str(Ranges(layers, 270, "a.txt")) == "ranges of 270 texts (a.txt), 1 of 2 layers"
    assert str(Ranges(layers, 128)) == "ranges of 128 built-in texts, 1 of 2 layers"
    assert Ranges(layers, 128).in_float == ["0.down"]


def _edit(**changes: Any) -> Callable[[Path], None]:
    """Writes tensors or what the header says anew; None takes a thing out."""

    def change(file: Path) -> None:
        tensors = load_file(file)
        with safe_open(file, framework="pt") as stored:
            said = json.loads(stored.metadata()[ENTRY])
        for name, value in changes.items():
            where = said if name in said else tensors
            where.pop(name.replace("__", "."), None)
            if value is not None:
                where[name.replace("__", ".")] = value
        save_file(tensors, file, metadata={ENTRY: json.dumps(said)})

    return change


def _foreign(file: Path) -> None:
    save_file({"a": torch.zeros(1)}, file)


def _cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_foreign, "which is none of this program's"),
        (_cut_short, "which cannot be read ("),
        (lambda file: file.write_bytes(b"version https://git-lfs"), "which cannot be read ("),
        (_edit(weights="sha256:2"), "which belongs to other weights than those beside it"),
        (_edit(texts="many"), "whose header is damaged"),
        (_edit(texts=None), "whose header is damaged"),
        (_edit(**{"255__0__up__scale": None}), "ranges of the layer 0.up are not complete"),
        (_edit(**{"255__0__up__scale": torch.tensor(-1.0)}), "no numbers that there can be"),
        (_edit(**{"255__0__up__error": torch.tensor(torch.nan)}), "no numbers that there can be"),
        (_edit(**{"255__0__up__zero_point": torch.tensor(256)}), "no numbers that there can be"),
        (_edit(**{"255__0__up__factors": torch.tensor([1.0, 0.0])}), "no numbers that there can"),
        (_edit(**{"255__0__up__correction": torch.zeros(3) / 0}), "no numbers that there can be"),
    ],
)
def test_a_file_that_is_damaged_or_another_s_is_unfit(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    file = tmp_path / "int8.safetensors"
    ranges.write(file, both(Ranges({"0.up": layer()}, 30)), DIGEST)
    spoil(file)
    with pytest.raises(Unfit) as caught:
        ranges.read(file, 255, DIGEST)
    assert message in str(caught.value)


def test_of_another_version_nothing_is_read(tmp_path: Path) -> None:
    file = tmp_path / "int8.safetensors"
    ranges.write(file, both(Ranges({"0.up": layer()}, 30)), DIGEST)
    _edit(version=2, texts=None)(file)
    assert ranges.is_ours(file)
    assert ranges.read(file, 255, DIGEST) is None


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (3, 3)])
def test_only_a_layer_of_its_size_is_known(shape: tuple[int, int]) -> None:
    found = Ranges({"0.up": layer()}, 30)
    if shape == (3, 2):
        assert found.of("0.up", torch.zeros(shape)) is found.layers["0.up"]
    else:
        with pytest.raises(Unfit, match=rf"no ranges of a layer 0.up of {shape[0]} x {shape[1]}"):
            found.of("0.up", torch.zeros(shape))
    with pytest.raises(Unfit, match=r"no ranges of a layer 0\.down"):
        found.of("0.down", torch.zeros(shape))
