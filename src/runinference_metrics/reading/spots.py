"""Reads spots all over files: their rows and texts.

The first rows of files tell little of files that are sorted by length or date. Where ranges can be
read apart, spots lie at equal distances over all bytes of the input; a file that can be read from
its beginning alone (compressed, CSV, UTF-16) is read as far as there is time for.
"""

import bisect
import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from runinference_metrics.reading.beginning import Enough, open_beginning
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange, open_raw
from runinference_metrics.reading.formats import FileFormat, FormatOptions
from runinference_metrics.reading.limits import MAX_ROW_BYTES
from runinference_metrics.reading.listing import Found
from runinference_metrics.reading.objects import open_table
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.rows import Rows
from runinference_metrics.reading.survey import Spot, Survey
from runinference_metrics.reading.table_rows import Outcome
from runinference_metrics.reading.tables import NoTable, OpenedTable
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.record import Record, RecordBatch, Rejected
from runinference_metrics.records.text import Text

# A mean of so many spots is off by an eleventh of what they differ by among each other; in a bucket
# each is a request of some tenths of a second.
_SPOTS = 128
# Where files are smaller than a spot there are more, for as many texts.
_MOST_SPOTS = 512
# Some hundred rows, so that one long row does not decide what a spot says.
_SPOT_BYTES = 1 << 16
# An input of that size is read whole, in about a second, and nothing is estimated.
_WHOLE_BYTES = 16 << 20
_MOST_WHOLE_FILES = 1_000
# What is read of the files that are read from their beginning, all together, as stored: seconds.
_BEGINNING_BYTES = 64 << 20
# Of a file at least, so that what a decompressor still holds is a small share of it.
_LEAST_BEGINNING_BYTES = 1 << 20
# Texts that are kept, of all spots; beyond, every second of a spot is left out, again and again.
_KEPT_TEXTS = 1 << 18
_THREADS = 8
_PARQUET = "parquet"
# A row group is decoded from its beginning: so many rows take some hundredths of a second.
_DECODED_ROWS = 1 << 16
# As many as lie in _SPOT_BYTES.
_SPOT_ROWS = 512


def surveyed(files: Sequence[Found], fields: RowFields, options: FormatOptions) -> Survey:
    """Reads spots of files as a run reads them.

    Args:
        files: all files.
        fields: the fields that matter.
        options: what the user says of how they are written.

    Raises:
        OSError, or what Beam's file systems raise: a file cannot be read.
    """
    files = [one for one in files if one.size_bytes]
    size_bytes = sum(one.size_bytes for one in files)
    read_whole = size_bytes <= _WHOLE_BYTES and len(files) <= _MOST_WHOLE_FILES
    look = _Look(fields, options)
    with ThreadPoolExecutor(_THREADS) as pool:
        if read_whole:
            a_byte = _KEPT_TEXTS / max(1, size_bytes)
            spots = pool.map(lambda one: look.whole(one, int(a_byte * one.size_bytes) + 1), files)
            return Survey(tuple(spots), size_bytes, True)
        fuller = round(_SPOTS * _SPOT_BYTES * len(files) / size_bytes)
        number = min(_MOST_SPOTS, max(_SPOTS, fuller))
        places = list(_places(files, size_bytes, number))
        hit = list(dict.fromkeys(file for file, _ in places))
        formats = dict(zip(hit, pool.map(look.file_format, hit), strict=True))
        begun = [one for one in hit if not _has_places(formats[one])]
        most = max(_LEAST_BEGINNING_BYTES, _BEGINNING_BYTES // max(1, len(begun)))
        read = dict(zip(begun, pool.map(lambda one: look.beginning(one, most), begun), strict=True))
        if len(begun) == len(files) and all(one.whole for one in read.values()):
            return Survey(tuple(read.values()), size_bytes, True)
        spots = pool.map(
            lambda at: read.get(at[0]) or look.spot(at[0], at[1], formats[at[0]]), places
        )
        return Survey(tuple(spots), size_bytes, False)


def _places(files: Sequence[Found], size_bytes: int, number: int) -> Iterator[tuple[Found, int]]:
    """So many files and offsets in them, at equal distances over all bytes."""
    ends = list(itertools.accumulate(one.size_bytes for one in files))
    for place in range(number):
        at = (2 * place + 1) * size_bytes // (2 * number)
        which = bisect.bisect_right(ends, at)
        file = files[which]
        yield file, at - (ends[which] - file.size_bytes)


def _has_places(found: FileFormat | None) -> bool:
    """Whether rows can be read wherever they lie in a file."""
    return found is not None and (found.splittable or found.rows == _PARQUET)


@dataclass(frozen=True)
class _Look:
    """Looks at places of files; see `surveyed`."""

    fields: RowFields
    options: FormatOptions

    def file_format(self, file: Found) -> FileFormat | None:
        """How a file is written; None if that cannot be told."""
        with open_raw(file.path) as stream:
            try:
                part = FileRange(file.path)
                return opened(stream, part, self.options, self.fields.text_field).file_format
            except Unclear:
                return None

    def whole(self, file: Found, kept: int) -> Spot:
        """A whole file, with some of its texts."""
        return self.beginning(file, file.size_bytes + 1, kept)

    def beginning(self, file: Found, most: int, kept: int = _KEPT_TEXTS // _SPOTS) -> Spot:
        """A file as far as its first bytes tell."""
        opening = partial(open_beginning, most=most)
        rows = Rows(FileRange(file.path), self.fields, self.options, opening)
        spot = read_spot(_as_far_as(rows, most), kept)
        num_bytes = file.size_bytes if spot.whole else min(most, file.size_bytes)
        return replace(spot, path=file.path, num_bytes=num_bytes, from_beginning=True)

    def spot(self, file: Found, offset: int, found: FileFormat | None) -> Spot:
        """Whole lines from an offset on."""
        if found is not None and found.rows == _PARQUET:
            return self._table_spot(file, offset / file.size_bytes)
        with open_raw(file.path) as stream:
            # A spot does not end before it is full, and a file that is no larger is read whole.
            offset = max(0, min(offset, file.size_bytes - _SPOT_BYTES))
            # Where no line begins behind the offset, the first is as good.
            start = _line_start(stream, offset, file.size_bytes) if offset else 0
            start = start % file.size_bytes
            stop = _line_start(stream, start + _SPOT_BYTES, file.size_bytes)
        part = FileRange(file.path, start, stop, file_format=found)
        spot = read_spot(Rows(part, self.fields, self.options), _KEPT_TEXTS // _SPOTS)
        whole = (start, stop) == (0, file.size_bytes)
        return replace(spot, path=file.path, num_bytes=stop - start, whole=whole)

    def _table_spot(self, file: Found, share: float) -> Spot:
        """The rows behind one of a table's, which says how many it has."""
        with open_table(file.path) as stream:
            try:
                table = OpenedTable(stream, _PARQUET, self.fields)
                part, row = table.part_of(file.path, share)
            except NoTable:
                return self.beginning(file, file.size_bytes)
            row %= _DECODED_ROWS
            spot = read_spot(table.outcomes(part, _SPOT_ROWS, row, _SPOT_ROWS), _SPOT_ROWS)
        num_bytes = round(file.size_bytes * spot.rows / max(1, table.num_rows or 0))
        return replace(spot, path=file.path, num_bytes=num_bytes, whole=False)


def _line_start(stream: BinaryIO, offset: int, size_bytes: int) -> int:
    """Where the next line begins; the end of the file if none does, or none for long."""
    stream.seek(min(offset, size_bytes))
    for _ in range(0, 2 * MAX_ROW_BYTES, _SPOT_BYTES):
        chunk = stream.read(_SPOT_BYTES)
        end = chunk.find(b"\n")
        if end >= 0:
            return min(offset + end + 1, size_bytes)
        if not chunk:
            break
        offset += len(chunk)
    return size_bytes


def _as_far_as(rows: Rows, most: int) -> Iterator[Outcome]:
    """The rows of a file, of a table too, in its first bytes; raises Enough if there are more."""
    for row in rows:
        yield row
        if rows.table and rows.table.num_rows is None and rows.table.read_bytes >= most:
            raise Enough


def read_spot(rows: Iterable[Outcome], kept: int) -> Spot:
    """Rows as a spot, without what is known of it beside; so many of its texts are kept."""
    count = blank = rejected = 0
    texts: list[Text] = []
    every = 1
    whole = False
    with contextlib.suppress(Enough):
        for row in rows:
            if row is None:
                blank += 1
            elif isinstance(row, Rejected):
                rejected += 1
            for text in _texts(row):
                if count % every == 0:
                    texts.append(text)
                if len(texts) > kept:
                    texts, every = texts[::2], 2 * every
                count += 1
        whole = True
    rows_read = count + blank + rejected
    return Spot("", 0, rows_read, blank, rejected, tuple(texts), whole, False)


def _texts(row: Outcome) -> Sequence[Text]:
    if isinstance(row, RecordBatch):
        return row.texts
    return [row.text] if isinstance(row, Record) else ()
