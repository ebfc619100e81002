"""Rows without the field that holds the text: empty where other rows have it, else rejected.

BigQuery and others leave out of a JSON object what is NULL. So a row without the field is blank if
another row of the same file has it; in a file where none has, the name is wrong.
"""

from collections.abc import Iterator
from typing import Any

from runinference_metrics.reading import paths
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.records.record import Record, Rejected

# Rows that wait for one with the field: a file that begins with more of them is too odd to say
# that it is only empty there, and what waits stays small.
MOST_ROWS, MOST_BYTES = 1000, 1 << 20

Outcome = Record | Rejected | None


class Waiting:
    """The outcomes of rows, of those that lack a field when it is known why.

    Attributes:
        known: the fields with texts that some row had.
        settled: whether all of them are known, so that no row has to wait any more.

    Args:
        fields: which fields matter.
    """

    def __init__(self, fields: RowFields) -> None:
        self._fields = fields
        self.known: set[str] = set()
        self.settled = False
        self._held: list[tuple[dict[str, Any], str, int, str, int]] = []
        self._held_bytes = 0

    def outcomes(
        self, row: dict[str, Any], raw: str, row_bytes: int, source: str, number: int
    ) -> Iterator[Outcome]:
        """What comes to be known with a row; see `RowFields.record` for the arguments."""
        self.known.update(name for name in self._fields.texts if paths.is_in(row, name))
        if len(self.known) == len(self._fields.texts):
            self.settled = True
        elif any(
            not paths.is_in(row, name) and name not in self.known for name in self._fields.texts
        ):
            self._held.append((row, raw, row_bytes, source, number))
            self._held_bytes += row_bytes
            if len(self._held) > MOST_ROWS or self._held_bytes > MOST_BYTES:
                yield from self.rest()
            return
        yield from self.rest()
        yield self._fields.record(row, raw, row_bytes, source, number, self.known)

    def rest(self) -> Iterator[Outcome]:
        """The outcomes of the rows that wait, by what is known now."""
        held, self._held, self._held_bytes = self._held, [], 0
        for one in held:
            yield self._fields.record(*one, self.known)
