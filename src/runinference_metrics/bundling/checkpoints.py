"""A trainer's folder: checkpoints inside, of which one is the model."""

import json
import re
from pathlib import Path

from runinference_metrics.bundling.parts import CONFIG, TAKES, has_weights
from runinference_metrics.errors import UserError

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_STATE = "trainer_state.json"


def choose(folder: Path) -> tuple[Path, str]:
    """The folder with the model, and a sentence on the choice; empty where there was none.

    A model at the folder's top is the model, as a trainer saves it in the end. Else it is the
    checkpoint that the trainer found best, or the last one.

    Raises:
        UserError: the best checkpoint is not here.
    """
    if has_weights({one.name for one in folder.iterdir()}):
        return folder, ""
    steps = {
        int(found[1]): one
        for one in folder.iterdir()
        if (found := _CHECKPOINT.fullmatch(one.name)) and one.is_dir() and _is_model(one)
    }
    if not steps:
        return folder, ""
    last = steps[max(steps)]
    names = ", ".join(steps[step].name for step in sorted(steps))
    best = _best(last) or _best(folder)
    if not best:
        return last, f"{folder} has {names}; the last is taken, {last.name}: none is named best"
    if best not in {one.name for one in steps.values()}:
        raise UserError("model", TAKES, f"{str(folder)!r}, whose {_STATE} names {best} as the "
                        f"best, which is not here; name one of {names}")  # fmt: skip
    return folder / best, f"{folder} has {names}; {best} is taken, the best by {_STATE}"


def _is_model(folder: Path) -> bool:
    names = {one.name for one in folder.iterdir()}
    return CONFIG in names and has_weights(names)


def _best(folder: Path) -> str:
    """The name of the checkpoint that the trainer found best, if it says so."""
    try:
        best = json.loads((folder / _STATE).read_bytes()).get("best_model_checkpoint")
    except (OSError, ValueError, AttributeError):
        return ""
    # A path of the machine that trained, which may have been another.
    return re.split(r"[/\\]", best.rstrip("/\\"))[-1] if isinstance(best, str) else ""
