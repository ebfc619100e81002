"""How a file is written: what the user says of it, and what is found."""

from dataclasses import dataclass

from runinference_metrics.reading.decoding import keeps_line_ends

AUTO = "auto"
_BIGQUERY = "BigQuery"
# What has columns with types of their own.
TABLES = ("parquet", "avro")
# Quotes frame cells, and inside of them each is written twice, or behind a backslash; or they are
# letters as any other.
DOUBLED, ESCAPED, LETTERS = "quotes doubled", "quotes escaped", "quotes as letters"
# Apostrophes frame them.
SINGLE = "single quotes"
# What parts the columns of a file that has but one, and parts nothing therefore.
ONE_COLUMN = "\x1f"
# What parts columns, as people call it.
_DELIMITER_NAMES = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "pipes",
    " ": "spaces",
    ONE_COLUMN: "one column",
}


@dataclass(frozen=True)
class FormatOptions:
    """What the user says of the files; the names are those of the parameters.

    Args:
        input_format: "text", "jsonl", "csv", "document", "parquet", "avro", or "auto".
        delimiter: what parts the columns of a CSV file, or "auto".
        header: "yes", "no", the names of the columns, or "auto".
        encoding: the name of one of Python's encodings, or "auto".
        compression: "none", "gzip", "bzip2", "zstd", "xz", or "auto".
    """

    input_format: str = AUTO
    delimiter: str = AUTO
    header: str | tuple[str, ...] = AUTO
    encoding: str = AUTO
    compression: str = AUTO


# Nothing is said.
AS_FOUND = FormatOptions()


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Args:
        delimiter: what parts its columns.
        quotes: how quotes stand in it: `DOUBLED`, `ESCAPED`, `LETTERS` or `SINGLE`.
        header: whether a header comes first, "yes" or "no"; or the columns' names.
        first_line: the line on which the header stands, or else the first row.
        blanks: whether a blank behind a delimiter is no part of a cell.
        underlined: whether the line below the header is drawn.
        row_names: whether a column without a name in the header comes first, as R writes it.
    """

    delimiter: str = ","
    quotes: str = DOUBLED
    header: str | tuple[str, ...] = "yes"
    first_line: int = 1
    blanks: bool = False
    underlined: bool = False
    row_names: bool = False


@dataclass(frozen=True)
class FileFormat:
    """How one file is written, as it was said or found.

    Args:
        rows: "text", "jsonl", "csv", "document", "parquet" or "avro".
        codecs: the compressions, the outermost first; mostly one or none.
        encoding: the name of one of Python's encodings.
        bare_returns: whether lines end with a carriage return alone.
        dialect: of a CSV file.
    """

    rows: str
    codecs: tuple[str, ...] = ()
    encoding: str = "utf-8"
    bare_returns: bool = False
    dialect: Dialect = Dialect()

    @property
    def is_table(self) -> bool:
        """Whether it has columns with types, as its rows, which are no text, have."""
        return self.rows in TABLES or self.rows.startswith(_BIGQUERY)

    @property
    def splittable(self) -> bool:
        """Whether lines can be read apart; a quoted CSV cell may hold newlines."""
        return (
            self.rows in ("text", "jsonl")
            and not self.codecs
            and not self.bare_returns
            and keeps_line_ends(self.encoding)
        )

    def __str__(self) -> str:
        """In a few words, the same for files that are written alike."""
        if self.is_table:
            return self.rows
        words = [self.rows]
        if self.rows == "csv":
            delimiter = self.dialect.delimiter
            words.append(_DELIMITER_NAMES.get(delimiter, f"{delimiter!r} between columns"))
            if self.dialect.header == "no":
                words.append("no header")
            elif isinstance(self.dialect.header, tuple):
                words.append("columns named by --header")
            if self.dialect.quotes != DOUBLED:
                words.append(self.dialect.quotes)
            if self.dialect.row_names:
                words.append("row names first")
        words.append(self.encoding)
        if self.bare_returns:
            words.append("lines end with CR")
        return ", ".join([*words, *self.codecs])
