"""The precision that takes effect: what is asked for, or the fastest that the model can compute."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from runinference_metrics.classifier.devices import DTYPES, INT8, auto_precision
from runinference_metrics.classifier.network import Made, Network
from runinference_metrics.errors import UserError, first_line
from runinference_metrics.recovery.blame import is_of_device
from runinference_metrics.recovery.memory import is_out_of_memory

AUTO = "auto"
# What every architecture computes.
EXACT = "float32"
_LOG = logging.getLogger(__name__)

Load = Callable[[str], Made]


@dataclass(frozen=True)
class Loaded:
    """A model that computes.

    Args:
        network: the model.
        precision: what it computes in.
        quantised: how its products are quantised; empty where they are not.
        fallback: a sentence on why that is not auto's usual choice; empty when it is.
    """

    network: Network
    precision: str
    quantised: str = ""
    fallback: str = ""


def load_in(asked: str, device: str, name: str, load: Load) -> Loaded:
    """Loads a model in the precision that is asked for.

    Args:
        asked: a precision, or "auto".
        device: "CPU" or "GPU".
        name: the model's folder and architecture, for what is said.
        load: loads it in a precision, and raises what the model raises when it cannot compute so.

    Raises:
        UserError: the model cannot compute at all, or not in the precision that was asked for by
            name; says in which it can.
    """
    first = auto_precision(device) if asked == AUTO else asked
    found = _tried(load, first)
    if isinstance(found, Made):
        return Loaded(found.network, first, found.quantised)
    others = [EXACT] if asked == AUTO else list(DTYPES)
    possible: dict[str, Made] = {}
    for one in others:
        if one != first and not (one == INT8 and device == "GPU"):
            other = _tried(load, one)
            if isinstance(other, Made):
                possible[one] = other
    if not possible:
        raise UserError("model", "a model that can compute", f"{name}, which cannot: {found}")
    if asked != AUTO:
        takes = f"auto or what this model can compute ({', '.join(possible)})"
        raise UserError("precision", takes, f"{asked}, in which {name} fails: {found}")
    fallback = f"in {first} the model fails ({found}), so {EXACT} is used"
    _LOG.warning("%s: %s.", name, fallback)
    return Loaded(possible[EXACT].network, EXACT, fallback=fallback)


def _tried(load: Load, precision: str) -> Made | str:
    """The model in a precision, or what it says when it cannot compute in it."""
    try:
        return load(precision)
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error) or is_of_device(error):
            raise
        return first_line(error)
