"""What files hold, told from spots all over them, and how sure that is."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from runinference_metrics.records.interval import Interval
from runinference_metrics.records.text import Text

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
