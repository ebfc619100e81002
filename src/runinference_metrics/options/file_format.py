"""How files are written, from a parameter's string to its value; ValueError when it is wrong."""

import codecs

from runinference_metrics.options.values import AUTO

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "\\t": "\t"}
# Python's own for other things than the texts of a file.
_NO_TEXT = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7")


def delimiter(text: str) -> str:
    """One character, or the name of one; "auto" stays itself."""
    if text.lower() == AUTO:
        return AUTO
    found = _DELIMITERS.get(text.lower(), text)
    if len(found) != 1 or found.isalnum() or found in '"\r\n\0\\':
        raise ValueError(text)
    return found


def header(text: str) -> str | tuple[str, ...]:
    """ "auto", "yes", "no", or the columns' names."""
    if text.lower() in (AUTO, "yes", "no"):
        return text.lower()
    if text.lower() in ("true", "false"):
        return "yes" if text.lower() == "true" else "no"
    found = tuple(part.strip() for part in text.split(","))
    if not any(found):
        raise ValueError(text)
    return found


def encoding(text: str) -> str:
    """The name of one of Python's encodings of texts, or "auto"."""
    if text.lower() == AUTO:
        return AUTO
    try:
        found = codecs.lookup(text)
    except (LookupError, UnicodeError):
        raise ValueError(text) from None
    name = found.name.replace("-", "_")
    if not found._is_text_encoding or name in _NO_TEXT:
        raise ValueError(text)
    # A mark at the start is dropped whatever the name says of it.
    return "utf-8" if name == "utf_8_sig" else found.name
