"""The lines of a CSV file, as csv.reader takes them, and what a row was made of."""

import re
from collections.abc import Iterator
from dataclasses import replace

from runinference_metrics.reading import limits
from runinference_metrics.reading.formats import ESCAPED, Dialect
from runinference_metrics.reading.lines import Lines
from runinference_metrics.records.record import Record, Rejected

# What MySQL, PostgreSQL and Hive write for NULL.
NULL = "\\N"


class RowTooLong(Exception):
    """A CSV row has grown beyond the limit; the next line is taken as a row's first again."""


class CsvLines:
    """Decoded lines for csv.reader, remembering what the current row was made of.

    Attributes:
        row: the lines of the current row.
        row_bytes: their size.
        number: the number of the first of them.
        odd: whether the row needs a second look; `undecodable` and `has_null` say why.
    """

    def __init__(self, lines: Lines, dialect: Dialect) -> None:
        self._lines = lines
        # A backslash before a letter that needs none is itself.
        known = re.escape(f'\\"{dialect.delimiter}')
        is_escape = dialect.quotes == ESCAPED
        self._itself = re.compile(rf"(\\[{known}])|\\(?=.)") if is_escape else None
        self._has_tabs = dialect.delimiter == "\t"
        self._iterator = iter(lines)
        self.odd = self.undecodable = self.has_null = False
        self.begin()

    def begin(self) -> None:
        """A row begins."""
        self.row: list[bytes] = []
        self.row_bytes = 0
        if self.odd:
            self.odd = self.undecodable = self.has_null = False
        self.number = self._lines.number + 1

    def raw(self) -> bytes:
        """The current row as it stands in the file."""
        return b"\n".join(self.row).removesuffix(b"\r")

    def are_rows(self, columns: int) -> bool:
        """Whether the current row has several lines, each of which is a row by itself.

        That is so where tabs part columns and quotes are letters, which the beginning of the file
        did not show. Between other delimiters it may be chance.
        """
        if len(self.row) < 2 or not self._has_tabs:
            return False
        return all(line.count(b"\t") == columns - 1 > 0 for line in self.row)

    def shown(self, outcome: Record | Rejected | None) -> Record | Rejected | None:
        """The outcome of the current row; where that was rejected, with the row as it stands."""
        if isinstance(outcome, Rejected):
            return replace(outcome, text=self.raw().decode())
        return outcome

    def skip(self) -> None:
        """Leaves out a line."""
        next(self._iterator, None)

    def __iter__(self) -> Iterator[str]:
        # Lines go on where an earlier iteration ended, as with a row that is too long.
        lines = self._lines
        for line in self._iterator:
            if self.row:
                self.odd = self.odd or self._has_tabs
            self.row.append(line)
            self.row_bytes += (lines.cut_from_bytes or len(line)) + 1
            if self.row_bytes > limits.MAX_ROW_BYTES:
                raise RowTooLong
            try:
                text = line.decode() + "\n"
            except UnicodeDecodeError:
                # The row is judged as a whole once it is complete; until then, keep its bytes.
                self.undecodable = self.odd = True
                text = line.decode(errors="surrogateescape") + "\n"
            yield self._with_backslashes(text) if "\\" in text else text

    def _with_backslashes(self, text: str) -> str:
        if NULL in text:
            self.has_null = self.odd = True
        return self._itself.sub(lambda found: found[1] or "\\\\", text) if self._itself else text
