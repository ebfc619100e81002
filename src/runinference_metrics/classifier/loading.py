"""A model and its tokenizer from their folder, or a UserError that says what does not fit."""

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.calibrating import for_this_processor, refusing
from runinference_metrics.classifier.devices import DTYPES, INT8, auto_precision, instruction_sets
from runinference_metrics.classifier.dynamic_int8 import in_each_call
from runinference_metrics.classifier.families import Shapes, family_of
from runinference_metrics.classifier.members import Member
from runinference_metrics.classifier.neighbours import Unusable, settle
from runinference_metrics.classifier.network import Made
from runinference_metrics.classifier.padded_model import PaddedModel
from runinference_metrics.classifier.quantising import quantised_encoder
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.errors import UserError, first_line, one_line
from runinference_metrics.models import weights
from runinference_metrics.models.folder import RANGES, SINGLE_FILE, ModelFolder

_LOG = logging.getLogger(__name__)

# transformers' own reasons may go on for a page.
_MOST_LETTERS = 400
_LONG_TEXT = "long "
_SAME_PLACE = "take both from the same place"
_MAKE_ANEW = "`python -m runinference_metrics model FOLDER --output=NEW` makes one, or says why not"


def load_config(folder: ModelFolder) -> Any:
    """The model's configuration, as transformers reads it, with the labels of `folder`.

    Raises:
        UserError: it cannot be read, or is of an architecture that classifies no texts.
    """
    # From here on quiet: its bar for every load would be drawn over the run's own progress, and its
    # report of what does not fit is a table of many lines.
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        config = AutoConfig.from_pretrained(
            folder.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise _unloadable(folder, error) from error
    # Also where transformers would refuse theirs, or count them wrongly.
    config.id2label = dict(enumerate(folder.head.label_names))
    config.label2id = {name: number for number, name in config.id2label.items()}
    return config


def load_network(
    folder: ModelFolder,
    config: Any,
    tokenizer: Tokenizer,
    precision: str,
    device: str,
    weights_digest: Callable[[], str],
) -> Made:
    """Loads the model, in the fastest form that there is for it.

    A model of BERT's family whose file holds exactly its weights is read from there: importing
    transformers' own model would take longer than all else between the imports and the first
    forward pass. Anything else goes through transformers, which converts or refuses it.

    Args:
        folder: the model's folder.
        config: its configuration, of transformers.
        tokenizer: its tokenizer, which knows how to pad.
        precision: what to compute in.
        device: torch's name of the device.
        weights_digest: gives the digest of its weights, by which ranges for 8 bits are known to be
            theirs; may wait for it.

    Raises:
        UserError: a weight is missing, surplus or of another size, or ranges are not its own.
        Exception: whatever the model raises when it cannot compute in this precision.
    """
    dtype, int8 = DTYPES[precision], precision == INT8
    with opened(folder, config, dtype, device) as found:
        if isinstance(found, Member):
            if not int8:
                return Made(found.encoder())
            return _in_8_bits(folder, found, tokenizer, weights_digest)
        model = found
    padded = PaddedModel(model, tokenizer)
    with torch.inference_mode():
        try:
            # Before it is quantised: with 8 bits any neighbour changes the rounding.
            settle(padded, tokenizer, dtype)
        except Unusable as error:
            takes = "a model whose answers depend on the text alone"
            raise UserError("model", takes, f"{folder.path!r}: {error}{_step(config)}") from error
        if not int8:
            if cuda.holds(next(model.parameters())):
                _without_waiting(padded, tokenizer)
            return Made(padded)
        padded.quantise()
        padded(tokenizer(["It computes in 8 bits too."]).tokens)
    return Made(padded, in_each_call(instruction_sets("CPU")))


@contextlib.contextmanager
def opened(
    folder: ModelFolder, config: Any, dtype: torch.dtype, device: str
) -> Iterator[Member | Any]:
    """A model's weights: a `Member` where it is one of BERT's family, else transformers' model.

    Args:
        folder: the model's folder.
        config: its configuration, of transformers.
        dtype: the type of the weights.
        device: torch's name of the device.

    Raises:
        UserError: a weight is missing, surplus or of another size.
    """
    family = family_of(config)
    file = Path(folder.path) / SINGLE_FILE
    if family and file.is_file() and family.is_all_of(config, weights.shapes(file)):
        # Straight to the device: no copy of the whole is made on the host.
        with safe_open(file, framework="pt", device=device) as stored:
            yield Member(family, config, stored.get_tensor, dtype)
        return
    # Of a family the head is wanted as it is stored.
    model = _load_model(folder, config, torch.float32 if family else dtype).to(device).eval()
    tensors = model.state_dict()
    if family and _has(tensors, family.shapes(model.config)):
        yield Member(family, model.config, tensors.__getitem__, dtype)
    else:
        yield model.to(dtype) if family else model


def _in_8_bits(
    folder: ModelFolder, member: Member, tokenizer: Tokenizer, weights_digest: Callable[[], str]
) -> Made:
    dtype = DTYPES[auto_precision("CPU")]
    ranges = for_this_processor(folder, member, tokenizer, dtype, weights_digest)
    with refusing(Path(folder.path) / RANGES):
        encoder = quantised_encoder(member, ranges, dtype)
    if ranges.in_float:
        _LOG.info("Layers that stay in floating point: %s", ", ".join(ranges.in_float))
    return Made(encoder, str(ranges))


def _without_waiting(padded: PaddedModel, tokenizer: Tokenizer) -> None:
    texts = tokenizer([_LONG_TEXT * tokenizer.max_length, _LONG_TEXT])
    if not padded.use_ready_mask(texts.tokens):
        _LOG.info("transformers makes the mask of each forward pass, and waits for the GPU there.")


def _step(config: Any) -> str:
    """What to do about a model that cannot be used, where something can be done."""
    steps = {
        # Its hashing draws random numbers anew for each forward pass.
        "reformer": " (set hash_seed in its config.json to a whole number)",
        "mra": " (its attention needs a CUDA kernel that is not here)",
    }
    return steps.get(config.model_type, "")


def _has(tensors: Mapping[str, torch.Tensor], shapes: Shapes) -> bool:
    return all(name in tensors and tensors[name].shape == shape for name, shape in shapes.items())


def _load_model(folder: ModelFolder, config: Any, dtype: torch.dtype) -> Any:
    """transformers' own model; raises UserError unless each tensor is there, and fits."""
    # The architectures come with it, and with them much else: not before one is needed.
    from transformers import AutoModelForSequenceClassification

    try:
        model, found = AutoModelForSequenceClassification.from_pretrained(
            folder.path,
            config=config,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            # Looked at below: transformers' own error names no tensor.
            ignore_mismatched_sizes=True,
        )
    except Exception as error:
        raise _unloadable(folder, error) from error
    # Wherever one of these is let pass, transformers puts random numbers, or leaves out layers.
    missing = sorted(found["missing_keys"])
    if missing:
        got = (
            f"{folder.path!r}, whose weights lack {_first(missing)}: name a checkpoint that was "
            "trained on labels, with the config.json that was saved beside it"
        )
        raise UserError("model", "a trained sequence classifier", got)
    takes = "weights that fit the config.json beside them"
    mismatched = sorted(found["mismatched_keys"])
    if mismatched:
        name, stored, expected = mismatched[0][:3]
        got = f"{name} of {_shape(stored)}, which config.json makes {_shape(expected)}"
        raise UserError("model", takes, f"{folder.path!r}: {got}: {_SAME_PLACE}")
    surplus = _more_of_the_same(found["unexpected_keys"], model.state_dict())
    if surplus:
        got = f"{_first(surplus)}, for which config.json has no layers"
        raise UserError("model", takes, f"{folder.path!r}: {got}: {_SAME_PLACE}")
    return model


def load_tokenizer(folder: ModelFolder) -> Any:
    """Loads the tokenizer; raises UserError when transformers has none that is fast."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder.path, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        takes = "a model with a tokenizer that transformers can load"
        got = f"{folder.path!r}: {type(error).__name__}: {first_line(error)}: {_MAKE_ANEW}"
        raise UserError("model", takes, got) from error
    if not tokenizer.is_fast:
        takes = "a model with a fast tokenizer, one of the tokenizers library"
        got = (
            f"{folder.path!r}, whose {type(tokenizer).__name__} is written in Python: {_MAKE_ANEW}"
        )
        raise UserError("model", takes, got)
    return tokenizer


def _unloadable(folder: ModelFolder, error: Exception) -> UserError:
    reason = one_line(error)[:_MOST_LETTERS]
    here = f"transformers {transformers.__version__} is here, and no code of a model's own is run"
    got = f"{folder.path!r}: {reason} ({here})"
    return UserError("model", "a model that transformers can load", got)


def _more_of_the_same(unexpected: Any, expected: Any) -> list[str]:
    """Tensors that differ from the model's own by a number alone: those of further layers.

    Others that are not expected do no harm, such as the head of another task.
    """
    known = {_unnumbered(name) for name in expected}
    return sorted(name for name in unexpected if _unnumbered(name) in known)


def _unnumbered(name: str) -> str:
    return re.sub(r"\.\d+\.", ".N.", name)


def _shape(shape: Any) -> str:
    return " x ".join(map(str, shape))


def _first(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
