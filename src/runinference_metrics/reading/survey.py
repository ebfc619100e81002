"""What files hold, from spots all over them: rows, texts, and how sure that is.

The first rows of files tell little of files that are sorted by length or date. Where ranges can be
read apart, spots lie at equal distances over all bytes of the input; a file that can be read from
its beginning alone (compressed, CSV, UTF-16) is read as far as there is time for.
"""

import bisect
import contextlib
import io
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO, cast

from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.files import FileRange, open_raw
from runinference_metrics.reading.formats import FileFormat, FormatOptions
from runinference_metrics.reading.limits import MAX_ROW_BYTES
from runinference_metrics.reading.listing import Found
from runinference_metrics.reading.opening import opened
from runinference_metrics.reading.rows import Rows
from runinference_metrics.reading.unclear import Unclear
from runinference_metrics.records.interval import Interval
from runinference_metrics.records.record import Record
from runinference_metrics.records.text import Text

# A mean of so many spots is off by an eleventh of what they differ by among each other; in a bucket
# each is a request of some tenths of a second.
_SPOTS = 128
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
# Within twice the standard error the mean of many lies 19 times of 20.
_ERRORS = 2.0
# By how much the rest of a file may differ from a beginning beyond which nobody looked: no
# measurement, only more than nothing.
_UNREAD_SHARE = 0.25


@dataclass(frozen=True)
class Spot:
    """What lies at one place of the input.

    Args:
        path: the file.
        num_bytes: the bytes of the file that were read, as stored.
        rows: rows in them.
        blank: rows without text.
        rejected: rows that a run would reject.
        texts: some of the texts, in their order, taken at equal distances.
        whole: whether this is the whole file.
        from_beginning: whether the file can be read from its beginning alone.
    """

    path: str
    num_bytes: int
    rows: int
    blank: int
    rejected: int
    texts: tuple[Text, ...]
    whole: bool
    from_beginning: bool

    @property
    def num_texts(self) -> int:
        """How many texts there are."""
        return self.rows - self.blank - self.rejected


@dataclass(frozen=True)
class Survey:
    """What the input holds.

    Args:
        spots: what was read; one file may be there several times.
        size_bytes: the size of the input as stored.
        whole: whether that is all of it.
    """

    spots: tuple[Spot, ...]
    size_bytes: int
    whole: bool

    @property
    def beginnings(self) -> int:
        """How many files were read at their beginning alone, so that their ends are not known."""
        return len({one.path for one in self.spots if one.from_beginning and not one.whole})

    def total(self, of: Callable[[Spot], float]) -> Interval:
        """How much there is of something in the whole input.

        Each spot is as likely as its file is large, and tells how much there is in a byte: the
        mean over all spots is Hansen's and Hurwitz's estimate. The spots of one file tell it
        together, since spots with long rows end later.

        Args:
            of: how much of it a spot has.
        """
        if self.whole:
            return Interval.exactly(sum(of(one) for one in self.spots))
        densities = list(self._densities(of))
        mean = statistics.fmean(densities)
        error = _ERRORS * statistics.stdev(densities) / math.sqrt(len(densities))
        unread = statistics.fmean(one.from_beginning and not one.whole for one in self.spots)
        share = math.hypot(error / mean if mean else 0.0, _UNREAD_SHARE * unread)
        return Interval.within(mean * self.size_bytes, share)

    @cached_property
    def _mean_bytes(self) -> dict[str, float]:
        """How large the spots of each file are."""
        found: dict[str, list[int]] = {}
        for one in self.spots:
            found.setdefault(one.path, []).append(one.num_bytes)
        return {path: statistics.fmean(sizes) for path, sizes in found.items()}

    def _densities(self, of: Callable[[Spot], float]) -> Iterator[float]:
        """How much a byte has, by spot; linearised, so that their spread is that of their mean."""
        by_file: dict[str, list[Spot]] = {}
        for one in self.spots:
            by_file.setdefault(one.path, []).append(one)
        for path, spots in by_file.items():
            mean_bytes = self._mean_bytes[path]
            density = statistics.fmean(map(of, spots)) / mean_bytes
            yield from (density + (of(one) - density * one.num_bytes) / mean_bytes for one in spots)

    def texts(self, most: int) -> list[Text]:
        """Texts as the whole input has them: of each spot as many as there are in its bytes.

        Args:
            most: how many at most.
        """
        weights = [
            one.num_texts if self.whole else one.num_texts / self._mean_bytes[one.path]
            for one in self.spots
        ]
        total = sum(weights)
        if not total:
            return []
        pairs = list(zip(self.spots, weights, strict=True))
        # As many as the spot has that is the first to run out.
        most = min(
            [most, *(int(len(one.texts) * total / weight) for one, weight in pairs if weight)]
        )
        found: list[Text] = []
        so_far = 0.0
        for one, weight in pairs:
            so_far += weight
            found.extend(_evenly(one.texts, round(most * so_far / total) - len(found)))
        return found


def _evenly(texts: Sequence[Text], most: int) -> Sequence[Text]:
    """So many of them at equal distances; all if there are no more."""
    if len(texts) <= most:
        return texts
    return [texts[at * len(texts) // most] for at in range(most)]


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
        places = list(_places(files, size_bytes))
        hit = list(dict.fromkeys(file for file, _ in places))
        formats = dict(zip(hit, pool.map(look.file_format, hit), strict=True))
        begun = [one for one in hit if not _splittable(formats[one])]
        most = max(_LEAST_BEGINNING_BYTES, _BEGINNING_BYTES // max(1, len(begun)))
        read = dict(zip(begun, pool.map(lambda one: look.beginning(one, most), begun), strict=True))
        if len(begun) == len(files) and all(one.whole for one in read.values()):
            return Survey(tuple(read.values()), size_bytes, True)
        spots = pool.map(
            lambda at: read.get(at[0]) or look.spot(at[0], at[1], formats[at[0]]), places
        )
        return Survey(tuple(spots), size_bytes, False)


def _places(files: Sequence[Found], size_bytes: int) -> Iterator[tuple[Found, int]]:
    """Files and offsets in them, at equal distances over all bytes."""
    ends = list(itertools.accumulate(one.size_bytes for one in files))
    for number in range(_SPOTS):
        at = (2 * number + 1) * size_bytes // (2 * _SPOTS)
        which = bisect.bisect_right(ends, at)
        file = files[which]
        yield file, at - (ends[which] - file.size_bytes)


def _splittable(found: FileFormat | None) -> bool:
    return found is not None and found.splittable


class _Enough(Exception):
    """More of a file is not read."""


class _Beginning(io.RawIOBase):
    """The first bytes of an opened file; what lies behind raises _Enough."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            if self._stream.read(1):
                raise _Enough
            return b""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


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

        def open_beginning(path: str) -> BinaryIO:
            return cast(BinaryIO, _Beginning(open_raw(path), most))

        spot = _read(Rows(FileRange(file.path), self.fields, self.options, open_beginning), kept)
        num_bytes = file.size_bytes if spot.whole else min(most, file.size_bytes)
        return replace(spot, path=file.path, num_bytes=num_bytes, from_beginning=True)

    def spot(self, file: Found, offset: int, found: FileFormat | None) -> Spot:
        """Whole lines from an offset on."""
        with open_raw(file.path) as stream:
            # A spot does not end before it is full, and a file that is no larger is read whole.
            offset = max(0, min(offset, file.size_bytes - _SPOT_BYTES))
            # Where no line begins behind the offset, the first is as good.
            start = _line_start(stream, offset, file.size_bytes) if offset else 0
            start = start % file.size_bytes
            stop = _line_start(stream, start + _SPOT_BYTES, file.size_bytes)
        part = FileRange(file.path, start, stop, file_format=found)
        spot = _read(Rows(part, self.fields, self.options), _KEPT_TEXTS // _SPOTS)
        whole = (start, stop) == (0, file.size_bytes)
        return replace(spot, path=file.path, num_bytes=stop - start, whole=whole)


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


def _read(rows: Rows, kept: int) -> Spot:
    """The rows of a spot, without what is known of it beside; so many of its texts are kept."""
    count = blank = rejected = 0
    texts: list[Text] = []
    every = 1
    whole = False
    with contextlib.suppress(_Enough):
        for row in rows:
            if row is None:
                blank += 1
            elif isinstance(row, Record):
                if (count - blank - rejected) % every == 0:
                    texts.append(row.text)
                if len(texts) > kept:
                    texts, every = texts[::2], 2 * every
            else:
                rejected += 1
            count += 1
        whole = True
    return Spot("", 0, count, blank, rejected, tuple(texts), whole, False)
