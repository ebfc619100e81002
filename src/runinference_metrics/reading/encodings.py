"""Which encoding a file's first bytes show; where they show none safely, it is asked for."""

import codecs
import unicodedata

from runinference_metrics.reading.unclear import Unclear

TAKES = "the encoding of the files, such as cp1252, latin-1 or utf-16"
# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ANY_MARK = tuple(mark for mark, _ in _MARKS)
# Control characters that no text needs; ESC is there in logs of terminals.
_CONTROLS = bytes(one for one in range(32) if one not in b"\t\n\v\f\r\x1b")
# A text in UTF-8 may have some of them; in UTF-16 every second byte of an English text is 0, and
# of a Russian one 4.
_MOST_CONTROLS = 0.1
# Of a wrong guess between UTF-16's two orders, hardly any character is one that people write.
_LEAST_WRITTEN = 0.95
# Zeros among bytes that are no UTF-8: UTF-16 of a script that is not Latin has them in its blanks
# and line ends.
_MOST_ZEROS = 0.02
_LOOKED_AT_BYTES = 1 << 12
# Where the byte with a character's script stands; those of alphabets are below the first of CJK,
# whose characters have no habits that tell the two orders apart.
_HIGH_BYTES = {"utf-16-le": 1, "utf-16-be": 0}
_FIRST_CJK = 0x20
# Python's decoders of these end with an error where no mark tells the order.
_WITH_MARKS = ("utf-16", "utf-32")
# What is shown on either side of a byte that is wrong.
_AROUND_BYTES = 20


def encoding_of(head: bytes, said: str | None = None) -> str:
    """The encoding of a file: by its byte-order mark, as it is said, or as its bytes show.

    A mark counts more than what is said of all files: no text of another encoding begins so and
    goes on as UTF-16.

    Args:
        head: the first bytes of the file.
        said: the name of its encoding, if somebody says it.

    Raises:
        Unclear: it is no UTF-8, and what it is cannot be told; or it lacks a mark that it needs.
    """
    if not head.startswith(_ANY_MARK):
        if said in _WITH_MARKS:
            return _ordered(head[:_LOOKED_AT_BYTES], said)
        return said or _unmarked(head)
    mark, marked = next(one for one in _MARKS if head.startswith(one[0]))
    text = head[len(mark) : len(mark) + _LOOKED_AT_BYTES]
    if marked == "utf-8":
        return marked
    if _is_utf16(text, marked) if said else _written(text, marked):
        return marked
    if said:
        return said
    raise Unclear("encoding", TAKES, f"the mark of {marked}, and behind it no text in that")


def _unmarked(head: bytes) -> str:
    """UTF-8, or UTF-16 where only that can be meant."""
    if head.find(b"\0", 0, _LOOKED_AT_BYTES) < 0:
        return "utf-8"
    looked_at = head[:_LOOKED_AT_BYTES]
    zeros = looked_at.count(0)
    strange = _controls(looked_at) > _MOST_CONTROLS * len(looked_at)
    if not strange and (zeros <= _MOST_ZEROS * len(looked_at) or is_utf8(looked_at)):
        return "utf-8"
    likely = [one for one in _HIGH_BYTES if _is_utf16(looked_at, one)]
    if len(likely) == 1:
        return likely[0]
    raise Unclear("encoding", TAKES, "many zero bytes, as in files that are no text or UTF-16")


def _ordered(looked_at: bytes, said: str) -> str:
    """The one of an encoding's two orders that the bytes of a file without a mark show."""
    shows = _is_utf16 if said == "utf-16" else _written
    likely = [one for one in (f"{said}-le", f"{said}-be") if shows(looked_at, one)]
    if len(likely) == 1:
        return likely[0]
    takes = f"{said}-le or {said}-be for files without a mark"
    raise Unclear("encoding", takes, f"no mark of {said}, and no order of its bytes that shows")


def _is_utf16(looked_at: bytes, encoding: str) -> bool:
    """Whether one byte of every two is a script's number and the other one a character's."""
    first = _HIGH_BYTES.get(encoding, 1)
    high, low = looked_at[first::2], looked_at[1 - first :: 2]
    scripts = sum(one < _FIRST_CJK for one in high)
    return (
        len(high) > 1
        and _controls(low) <= _MOST_CONTROLS * len(low)
        and scripts >= _LEAST_WRITTEN * len(high)
        and _written(looked_at, encoding)
    )


def is_text(head: bytes) -> bool:
    """Whether a file's first bytes are those of a text, as far as that shows."""
    if head.startswith(_ANY_MARK):
        return True
    return _controls(head) <= _MOST_CONTROLS * len(head) and is_utf8(head)


def _controls(looked_at: bytes) -> int:
    return len(looked_at) - len(looked_at.translate(None, _CONTROLS))


def is_utf8(looked_at: bytes) -> bool:
    """Whether bytes are UTF-8, of which the last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(looked_at)
    except UnicodeDecodeError:
        return False
    return True


def _written(looked_at: bytes, encoding: str) -> bool:
    """Whether nearly all is what people write, when it is decoded so."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(looked_at)
    good = sum(one in "\t\r\n" or unicodedata.category(one)[0] in "LMNPSZ" for one in text)
    # What could not be decoded became U+FFFD, which is a symbol.
    return good - text.count("\ufffd") >= _LEAST_WRITTEN * len(text)


def doubt(head: bytes) -> str | None:
    """A sentence when whole lines of a file's beginning are no UTF-8 and none shows that it is one.

    A file with an umlaut in UTF-8 here and a damaged row there is UTF-8. Where there are damaged
    rows alone, it may be written in another encoding, all of whose other rows are ASCII.
    """
    first: tuple[int, bytes, int, int] | None = None
    for number, line in enumerate(head.split(b"\n")[:-1] if b"\n" in head else [head], 1):
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError as error:
            first = first or (number, line, error.start, error.end)
        else:
            return None
    if first is None:
        return None
    number, line, start, end = first
    around = line[max(start - _AROUND_BYTES, 0) : end + _AROUND_BYTES]
    return (
        f"line {number:,} with {around.decode(errors='backslashreplace')!r}, which is no UTF-8; as "
        f"cp1252 it reads {around.decode('cp1252', errors='replace')!r}: name the encoding, or "
        "--encoding=utf-8 if such rows are to be dead letters"
    )
