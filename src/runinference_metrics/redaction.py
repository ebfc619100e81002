"""Taking secrets out of what a person or a file gets to see."""

import logging
import re
from typing import Any

REDACTED = "REDACTED"

# The names under which signed URLs, and addresses with a key in them, carry what grants access:
# Cloud Storage's V4 and V2 signatures, S3's, Azure's, OAuth's, and the usual names of keys.
_SECRET_NAMES = (
    r"x-(?:goog|amz)-(?:signature|credential|security-token)",
    r"googleaccessid",
    r"awsaccesskeyid",
    r"signature",
    r"sig",
    r"(?:[a-z]+[_-])?token",
    r"(?:[a-z]+[_-])?secret(?:[_-]access[_-]key)?",
    r"(?:[a-z]+[_-])?password",
    r"(?:(?:api|access|private)[_-]?)?key",
)
_RULES = (
    # …?name=value, …&name=value. A value ends where the URL's part or the URL ends.
    (re.compile(rf"([?&;](?:{'|'.join(_SECRET_NAMES)})=)[^&;#\s'\"<>\\,)\]]+", re.IGNORECASE),
     rf"\g<1>{REDACTED}"),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@'\"]*:)[^/\s@'\"]+@", re.IGNORECASE),
     rf"\g<1>{REDACTED}@"),
    # Authorization headers, and Google's access tokens wherever they stand.
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\g<1>{REDACTED}"),
    (re.compile(r"\bya29\.[\w.-]+"), REDACTED),
)  # fmt: skip


def redact(text: str) -> str:
    """The text without the secrets of the URLs and headers in it; the rest is as it was."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_values(value: Any) -> Any:
    """A JSON value with every string in it redacted, names included."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact_values(name): redact_values(one) for name, one in value.items()}
        case list() | tuple():
            return [redact_values(one) for one in value]
    return value


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A run's document with its sections `run`, `files` and `job` redacted.

    All that users and services give and say, and the names of files, are there.

    Args:
        document: the content of metrics.json.
    """
    given = {name: document[name] for name in ("run", "files", "job") if name in document}
    return {**document, **redact_values(given)}


class RedactingFilter(logging.Filter):
    """Takes secrets out of what a handler is about to write, tracebacks included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record; lets every one pass."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True
