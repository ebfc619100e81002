"""What docs/architectures.md says of an architecture, measured."""

from zoo_answers import classifier
from zoo_architectures import ARCHITECTURES, CASES, Case
from zoo_specimen import Specimen

from runinference_metrics.classifier.devices import DTYPES
from runinference_metrics.errors import UserError

_TOGETHER = {
    "packed": "packed",
    "padded_left": "padded",
    "padded_right": "padded",
    "equal_lengths": "equal lengths",
    "alone": "one by one",
}
# What the program takes where nothing limits a text.
UNLIMITED = 4096
# More than the zoo's models have of positions, and soon computed.
_LONG = 1000


def row(model_type: str, specimen: Specimen | None) -> str:
    """The line of the table about an architecture.

    Args:
        model_type: its name.
        specimen: a model of it; None for one that is not possible.
    """
    name = ARCHITECTURES[model_type].removesuffix("ForSequenceClassification")
    case = CASES.get(model_type, Case())
    if specimen is None:
        reason = case.impossible or case.refused
        return _line(name, f"`{model_type}`", "", "", "", f"not possible: {reason}")
    effective = specimen.ours.effective
    return _line(
        name,
        f"`{model_type}`",
        _TOGETHER[effective.grouping],
        limit(specimen),
        ", ".join(precisions(specimen)),
        case.note,
    )


def limit(specimen: Specimen) -> str:
    """What limits the length of a text."""
    most = specimen.ours.effective.max_length
    if not specimen.computes(min(most, _LONG) + 1):
        return "positions"
    return "none" if most == UNLIMITED else "stated"


def precisions(specimen: Specimen) -> list[str]:
    """The precisions that a CPU computes it in."""
    found = []
    for precision in DTYPES:
        try:
            classifier(specimen.folder, precision)
        except UserError:
            continue
        found.append(precision)
    return found


def _line(*cells: str) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
