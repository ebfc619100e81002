"""Reading metrics.json back: the documents that reports and comparisons are made from."""

from typing import Any

import orjson

from runinference_metrics.errors import UserError
from runinference_metrics.metrics.document import SCHEMA_VERSION
from runinference_metrics.redaction import without_secrets
from runinference_metrics.running import checks
from runinference_metrics.writing.shards import METRICS_FILE, in_folder

# Enough to tell a document of ours from any other JSON.
_SECTIONS = ("run", "records", "runinference", "tokens", "stages", "faults", "derived")


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
        document = orjson.loads(checks.content(path, flag))
    except orjson.JSONDecodeError as error:
        raise UserError(flag, takes, f"{path!r}, which is no JSON ({error})") from error
    if not isinstance(document, dict) or any(name not in document for name in _SECTIONS):
        raise UserError(flag, takes, f"{path!r}, which is not one of this program's")
    if document.get("schema_version") != SCHEMA_VERSION:
        version = document.get("schema_version")
        raise UserError(flag, f"metrics of schema version {SCHEMA_VERSION}",
                        f"{path!r} of version {version}")  # fmt: skip
    return without_secrets(document)
