"""The ranges for 8 bits of a folder that is made: found from texts, or taken along."""

import shutil
from collections.abc import Callable
from pathlib import Path

from runinference_metrics.bundling.calibration_texts import CalibrationTexts
from runinference_metrics.classifier import calibrator
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.models.folder import RANGES

Say = Callable[[str], None]


def find(made: Path, given: CalibrationTexts, say: Say) -> None:
    """Finds the ranges, and says what other texts' labels become with them.

    Args:
        made: the folder, whole but for this.
        given: the texts.
        say: takes a sentence for the user.

    Raises:
        UserError: the model is none that takes ranges, or the texts are too few.
    """
    found = calibrator.calibrate(str(made), given.texts, given.origin)
    # One after the other: only one of the two is in memory at a time.
    exact, rounded = (
        ClassifierSpec(str(made), precision=one).load().classify(found.held_out).winners
        for one in ("float32", "int8")
    )
    same = sum(one == other for one, other in zip(exact, rounded, strict=True))
    in_float = ", ".join(found.ranges.in_float)
    say(f"int8 by {found.ranges}: of {len(exact)} other texts {same} keep the label that they have "
        f"in float32{f'; in floating point stay {in_float}' if in_float else ''}")  # fmt: skip


def take_along(source: Path, made: Path, say: Say) -> None:
    """Copies the ranges of the source, if it has any of this program's.

    Args:
        source: the source's own files.
        made: the folder, whole but for this.
        say: takes a sentence for the user.

    Raises:
        UserError: they are damaged, or another model's.
    """
    file = source / RANGES
    if not calibrator.has_ranges(file):
        return
    # A cache of the hub's holds links.
    shutil.copyfile(file.resolve(), made / RANGES)
    if not calibrator.is_current(str(made)):
        (made / RANGES).unlink()
        say(f"{RANGES} is of another version of this program and is left out; --calibrate makes it")
