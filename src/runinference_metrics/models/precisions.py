"""Precisions that an architecture cannot compute in, known before a job is paid for."""

from runinference_metrics.errors import UserError

_ALL = ("float32", "bfloat16", "float16", "int8")
_HALF = frozenset({"bfloat16", "float16"})
# By config.json's model_type, as make test-zoo finds them: parts of transformers' own code that
# compute in float32 whatever the weights are in, or that want the weights themselves.
IMPOSSIBLE = {
    "deberta": _HALF,
    "fnet": _HALF,
    "jamba": frozenset({"int8"}),
    "layoutlmv3": frozenset({"int8"}),
    "reformer": _HALF,
    "xlnet": _HALF,
}


def check(path: str, model_type: str | None, asked: str) -> None:
    """Checks a precision that was asked for; loading a model finds what is not known here.

    Args:
        path: the model's folder.
        model_type: config.json's.
        asked: a precision, or "auto".

    Raises:
        UserError: the architecture cannot compute in it; says in which it can.
    """
    impossible = IMPOSSIBLE.get(model_type or "", frozenset())
    if asked in impossible:
        possible = ", ".join(one for one in _ALL if one not in impossible)
        takes = f"auto or what this model can compute ({possible})"
        got = f"{asked}, in which {path!r}, of the type {model_type}, cannot compute"
        raise UserError("precision", takes, got)
