"""metrics.json, written and read back; pages; and other small files that a person names."""

import json
from collections.abc import Iterable
from typing import Any

import orjson
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.errors import RunFailed, UserError, first_line
from runinference_metrics.metrics.document import SCHEMA_VERSION
from runinference_metrics.redaction import without_secrets
from runinference_metrics.writing.folder import METRICS_FILE, in_folder, write_whole

# Enough to tell a document of ours from any other JSON.
_SECTIONS = ("run", "records", "runinference", "tokens", "stages", "faults", "derived")

# A reader of the newest version can show these, too: all that they lack is later sections, and
# under run.effective what is shown only where it is there.
_OLDEST_VERSION = 3
_LATER_SECTIONS: dict[str, Any] = {
    "files": None, "startup": None, "certainty": None, "quality": None, "thresholds": [],
    "job": None,
}  # fmt: skip


def path_of(place: str) -> str:
    """The metrics.json of an output folder; a path to a .json file is taken as it is."""
    return place if place.endswith(".json") else in_folder(place, METRICS_FILE)


def read(place: str, flag: str = "FOLDER") -> dict[str, Any]:
    """Reads a folder's metrics.json.

    Args:
        place: an output folder, or a metrics.json itself; local or gs://.
        flag: what the user gave it as, for messages.

    Raises:
        UserError: there is none, or it is none of ours.
    """
    path = path_of(place)
    takes = "an output folder with metrics.json"
    try:
        document = orjson.loads(content(path, flag))
    except orjson.JSONDecodeError as error:
        raise UserError(flag, takes, f"{path!r}, which is no JSON ({error})") from error
    if not isinstance(document, dict) or any(name not in document for name in _SECTIONS):
        raise UserError(flag, takes, f"{path!r}, which is not one of this program's")
    version = document.get("schema_version")
    if version not in range(_OLDEST_VERSION, SCHEMA_VERSION + 1):
        takes = f"metrics of schema version {_OLDEST_VERSION} to {SCHEMA_VERSION}"
        raise UserError(flag, takes, f"{path!r} of version {version}")
    # What an older document does not say is not known.
    return without_secrets({**_LATER_SECTIONS, **document})


def write_metrics(folder: str, document: dict[str, Any]) -> None:
    """Writes metrics.json, without the secrets of any parameter in it."""
    written = _json(without_secrets(document), indent=True)
    write_whole(in_folder(folder, METRICS_FILE), written, "application/json")


def write_lines(path: str, rows: Iterable[Any]) -> None:
    """Writes JSON lines that a person asked for; raises RunFailed when they cannot be written."""
    write_file(path, b"".join(_json(row) for row in rows), "application/json")


def _json(value: Any, indent: bool = False) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None) + b"\n"
    except TypeError:
        # orjson refuses integers beyond 64 bits, which an id may well be.
        text = json.dumps(value, ensure_ascii=False, indent=2 if indent else None)
        return text.encode() + b"\n"


def write_page(path: str, page: str) -> None:
    """Writes a page that a person asked for; raises RunFailed when it cannot be written."""
    write_file(path, page.encode(), "text/html")


def write_file(path: str, content: bytes, mime_type: str) -> None:
    """Writes a file that a person asked for; raises RunFailed when it cannot be written."""
    try:
        write_whole(path, content, mime_type)
    except Exception as error:
        raise RunFailed(f"{path} cannot be written: {error}") from error


def content(path: str, flag: str) -> bytes:
    """The content of a small file, local or gs://; raises UserError when it cannot be read."""
    try:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            return stream.read()
    except Exception as error:
        raise UserError(
            flag, "a file that can be read", f"{path!r}: {first_line(error)}"
        ) from error
