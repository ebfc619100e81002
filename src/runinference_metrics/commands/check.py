"""`check`: the input's first rows as a run would read them, and what would stop it."""

import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runinference_metrics.options.command_line import parse
from runinference_metrics.redaction import redact

if TYPE_CHECKING:
    from runinference_metrics.reading.preview import Preview
    from runinference_metrics.running.check import Checked

# Enough to see what a file's texts are.
_MOST_TEXTS = 5
# Where no terminal says how wide it is.
_WIDTH = 80
_Text = str | tuple[str, str]


def main(argv: Sequence[str]) -> None:
    """`check --input=… [any of run's flags]`: shows what a run would read, and writes nothing.

    Raises:
        UserError: a run would not start; every reason but the last is printed before.
    """
    settings, beam_arguments = parse(argv, "check", ("output",))
    # Beam takes seconds to import: not before the parameters are known to be right.
    from runinference_metrics.running.check import check

    checked = check(settings, beam_arguments)
    for line in _shown(checked):
        print(redact(_printable(line)))
    sys.stdout.flush()
    if not checked.faults:
        print("A run would start.")
        return
    *others, last = checked.faults
    for fault in others:
        print(f"error: {fault}", file=sys.stderr)
    raise last


def _shown(checked: "Checked") -> Iterator[str]:
    if checked.previewed is None:
        return
    from runinference_metrics.reading.estimate import estimated

    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    found = checked.previewed
    for one in found.previews:
        yield from _file(one, width)
        yield ""
    yield str(found)
    unknown = found.why_rows_are_unknown
    yield f"Rows: {unknown or estimated(found.previews, found.listed.files)}"
    if found.texts:
        yield from _lengths(found.texts, checked)
    for remark in found.remarks:
        yield f"Remark: {remark}"


def _file(one: "Preview", width: int) -> Iterator[str]:
    """A file as it was understood."""
    yield _visible(one.path)
    if one.unclear:
        yield f"  unclear: {one.unclear}"
        return
    rows = f"{'all' if one.whole else 'the first'} {one.rows:,} rows looked at"
    yield f"  {one.file_format}; {one.size_bytes:,} bytes, {rows}"
    if one.first:
        label = "columns" if one.file_format and one.file_format.rows == "csv" else "fields"
        yield _cut(f"  {label}: {', '.join(map(_visible, one.first))}", width)
    for text in one.texts[:_MOST_TEXTS]:
        pair = (text,) if isinstance(text, str) else text
        yield _cut(f"    {' | '.join(map(_visible, pair))}", width)
    counts = [f"{len(one.texts):,} with text"]
    if one.blank:
        counts.append(f"{one.blank:,} blank")
    counts.extend(f"{count:,} {reason}" for reason, count in one.rejected.items())
    yield f"  {', '.join(counts)}"
    if first := one.worst:
        yield _cut(f"    {one.row_word} {first.position:,}: {_visible(first.detail)}", width)


def _lengths(texts: Sequence[_Text], checked: "Checked") -> Iterator[str]:
    number = "1 text" if len(texts) == 1 else f"{len(texts):,} texts"
    yield f"Characters, of {number} looked at: {_spread([_length(text) for text in texts])}"
    lengths = checked.token_lengths
    if lengths is None:
        yield "Tokens: not known, since no model that can be run is on this machine"
        return
    yield f"Tokens, of the same: {_spread(lengths)}"
    if checked.max_length is not None:
        longer = sum(length > checked.max_length for length in lengths)
        yield f"  {longer:,} have more than max_length, {checked.max_length:,}, and would be cut"


def _length(text: _Text) -> int:
    return len(text) if isinstance(text, str) else sum(map(len, text))


def _spread(lengths: Sequence[int]) -> str:
    """The median, the least that nine of ten do not exceed, and the most."""
    ordered = sorted(lengths)
    ninth = ordered[max(0, -(-9 * len(ordered) // 10) - 1)]
    median, longest = statistics.median_low(ordered), ordered[-1]
    return f"median {median:,}, 90 % up to {ninth:,}, longest {longest:,}"


def _visible(text: str) -> str:
    """A text in a line: what a terminal would obey, or not show, is written as Python does."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: max(1, width - 1)]}…"


def _printable(line: str) -> str:
    """What standard output can write of a line."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
