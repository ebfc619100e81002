"""What a model's head answers: its labels, and how they become scores. Needs neither torch nor
transformers, whose rules these are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import UserError

SOFTMAX, SIGMOID, PLAIN = "softmax", "sigmoid", "none"
# transformers' own for a configuration that says nothing.
_OUTPUTS = 2
_SHOWN_LABELS = 8


@dataclass(frozen=True)
class Head:
    """The outputs of a sequence classifier.

    Args:
        label_names: the label of each output.
        function: from outputs to scores, as in transformers' pipeline: "softmax" for exclusive
            labels, "sigmoid" for independent ones, "none" for plain values (a regression).
    """

    label_names: tuple[str, ...]
    function: str

    @classmethod
    def of(cls, path: str, config: Mapping[str, Any], named: Sequence[str] | None = None) -> "Head":
        """Reads it from a model's configuration.

        Args:
            path: the model's folder.
            config: its config.json.
            named: the user's own names of the labels; those in `config` do not count then.

        Raises:
            UserError: the labels have no names, or names that do not tell them apart.
        """
        found = _stated(path, config)
        names = _named(found, named) if named else _of_config(path, found)
        return cls(names, _function(config, len(names)))


def _stated(path: str, config: Mapping[str, Any]) -> dict[int, Any] | int | None:
    """`id2label`, or how many outputs there are; None where nothing is said of them."""
    labels, outputs = config.get("id2label"), config.get("num_labels")
    if labels is None:
        return outputs if isinstance(outputs, int) and outputs > 0 else None
    if isinstance(labels, list):
        labels = dict(enumerate(labels))
    try:
        found = {int(number): label for number, label in labels.items()}
    except (TypeError, ValueError, AttributeError):
        got = f"{path!r}, whose id2label is no table of whole numbers and labels: {labels!r:.100}"
        raise UserError("model", "labels in config.json", f"{got}{_step(_OUTPUTS)}") from None
    return found or None


def _named(stated: dict[int, Any] | int | None, named: Sequence[str]) -> tuple[str, ...]:
    # However they are numbered: transformers, too, takes as many outputs. Where nothing is stated,
    # loading compares them with the weights.
    outputs = len(stated) if isinstance(stated, dict) else stated
    if outputs is not None and outputs != len(named):
        raise UserError(
            "label_names", f"a name for each of the {outputs} labels of this model", _listed(named)
        )
    return tuple(named)


def _of_config(path: str, stated: dict[int, Any] | int | None) -> tuple[str, ...]:
    if not isinstance(stated, dict):
        return tuple(f"LABEL_{number}" for number in range(stated or _OUTPUTS))
    outputs = len(stated)
    takes = "a model with a name for each label in config.json's id2label"
    if sorted(stated) != list(range(outputs)):
        numbers = _listed([str(number) for number in stated])
        got = f"{path!r}, which numbers {outputs} labels {numbers}, not from 0 to {outputs - 1}"
        names = [str(stated[number]) for number in sorted(stated)]
        raise UserError("model", takes, f"{got}{_step(outputs, names)}")
    names = [stated[number] for number in range(outputs)]
    for number, name in enumerate(names):
        if name is None or isinstance(name, (dict, list)) or not str(name).strip():
            got = f"{path!r}, whose label {number} is {name!r}"
            raise UserError("model", takes, f"{got}{_step(outputs)}")
    shown = tuple(map(str, names))
    if len(set(shown)) < outputs:
        raise UserError(
            "model", "distinct labels", f"{path!r} with {_listed(shown)}{_step(outputs)}"
        )
    return shown


def _step(outputs: int, names: Sequence[str] = ()) -> str:
    examples = names if len(set(names)) == outputs else [f"label_{n}" for n in range(outputs)]
    numbered = ",".join(f"{n}={name}" for n, name in enumerate(examples[:_SHOWN_LABELS]))
    more = ",…" if outputs > _SHOWN_LABELS else ""
    return f" (name them, in the order of the model's outputs: --label_names={numbered}{more})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_LABELS} more" if len(names) > _SHOWN_LABELS else ""
    return ", ".join(names[:_SHOWN_LABELS]) + more


def _function(config: Mapping[str, Any], outputs: int) -> str:
    """What transformers' pipeline applies (TextClassificationPipeline.postprocess)."""
    problem = config.get("problem_type")
    if problem == "regression":
        return PLAIN
    if problem == "multi_label_classification" or outputs == 1:
        return SIGMOID
    return SOFTMAX
