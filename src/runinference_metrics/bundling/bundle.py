"""Makes a model's folder of a source: only what is needed, checked, and with digests."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import transformers

from runinference_metrics.bundling import (
    calibration,
    comparison,
    config,
    places,
    tokenizer,
    weights,
)
from runinference_metrics.bundling.calibration_texts import CalibrationTexts
from runinference_metrics.bundling.hub import commit_of
from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.bundling.interruption import ends_at_once
from runinference_metrics.bundling.parts import CONFIG, Parts
from runinference_metrics.errors import RunFailed, UserError, one_line
from runinference_metrics.models import cache
from runinference_metrics.models.folder import DIGESTS

# 1980-01-01, the earliest time that all archives can hold: the same model gives the same layer of
# an image.
_TIME_SECS = 315_532_800
# Whoever runs the image reads it.
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755


@dataclass(frozen=True)
class Bundled:
    """A model's folder that was made.

    Args:
        folder: where it is.
        digests: the SHA-256 of its files, by name.
        size_bytes: of all of them.
    """

    folder: Path
    digests: dict[str, str]
    size_bytes: int


def bundle(
    source: str,
    output: Path,
    say: Callable[[str], None],
    label_names: Sequence[str] | None = None,
    calibration_texts: CalibrationTexts | None = None,
) -> Bundled:
    """Makes the folder `output` of a source; it appears whole or not at all.

    Args:
        source: a folder, `gs://bucket/folder`, or owner/name[@revision] of the hub.
        output: a new folder, or an empty one.
        say: takes a sentence for the user.
        label_names: names for the model's labels, in the place of those in its config.json.
        calibration_texts: texts from which its ranges for 8 bits are found; without them those of
            the source are taken along, if it has any.

    Raises:
        UserError: the source is no sequence classifier that can be run, or none that takes ranges,
            or `output` is taken.
        RunFailed: the folder cannot be written.
    """
    _check_output(output)
    # Its bars and tables would stand between the sentences.
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, so that one step puts it in its place.
        work = tempfile.TemporaryDirectory(
            prefix=f".{output.name}.", suffix=".part", dir=output.parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise UserError("output", "a folder that can be made", one_line(error)) from error
    with work as folder, ends_at_once(f"Interrupted: {output} is not made."):
        try:
            return _bundle(source, Path(folder), output, say, label_names, calibration_texts)
        except OSError as error:
            raise RunFailed(f"{output} cannot be written: {one_line(error)}") from error


def cached(name: HubName, say: Callable[[str], None]) -> Path:
    """The folder of a model of the hub in the cache of models; made now unless it is there.

    Args:
        name: the model.
        say: takes a sentence for the user.

    Raises:
        UserError: it is no sequence classifier that can be run, or cannot be fetched.
    """
    pinned = commit_of(name, say)
    key = f"{pinned.id.replace('/', '--')}@{pinned.revision}"
    return cache.filled(key, lambda folder: bundle(str(pinned), folder, say))


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UserError("output", "a new folder", f"{str(output)!r}, which is a file")
    if output.is_dir() and any(output.iterdir()):
        got = f"{str(output)!r}, which is not empty: name another, or delete it first"
        raise UserError("output", "a new folder", got)


def _bundle(
    source: str,
    work: Path,
    output: Path,
    say: Callable[[str], None],
    label_names: Sequence[str] | None,
    calibration_texts: CalibrationTexts | None,
) -> Bundled:
    place = places.find(source, work, say)
    parts = Parts.of(place.name, place.names)
    # The weights come last: most that cannot be run are known without them.
    config.read(place.name, place.get(parts.small))
    original = place.get(parts.all)
    made = work / "model"
    made.mkdir()
    shutil.copyfile((original / CONFIG).resolve(), made / CONFIG)
    if label_names:
        config.name_labels(place.name, made / CONFIG, label_names)
    tokenizer.write(place.name, parts, original, made)
    weights.write(place.name, parts, original, made)
    try:
        say(comparison.compare(place.name, original, made))
        if calibration_texts:
            calibration.find(made, calibration_texts, say)
        else:
            calibration.take_along(original, made, say)
    except UserError as error:
        # The folder has its name only when it is right.
        got = error.got.replace(str(made), place.name)
        raise UserError(error.flag, error.takes, got) from error
    digests = {file.name: _sha256(file) for file in sorted(made.iterdir())}
    record = {**place.origin, "files": digests}
    (made / DIGESTS).write_text(json.dumps(record, indent=2) + "\n")
    size_bytes = sum(file.stat().st_size for file in made.iterdir())
    _publish(made, output)
    return Bundled(output, digests, size_bytes)


def _publish(made: Path, output: Path) -> None:
    for file in made.iterdir():
        file.chmod(_FILE_MODE)
        os.utime(file, (_TIME_SECS, _TIME_SECS))
    made.chmod(_FOLDER_MODE)
    os.utime(made, (_TIME_SECS, _TIME_SECS))
    # Takes the place of an empty folder, and of no other.
    made.rename(output)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
