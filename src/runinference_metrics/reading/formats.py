"""How a file is written: what the user says of it, and what is found."""

from dataclasses import dataclass

AUTO = "auto"


@dataclass(frozen=True)
class FormatOptions:
    """What the user says of the files; the names are those of the parameters.

    Args:
        input_format: "text", "jsonl", "csv", "document", or "auto".
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


@dataclass(frozen=True)
class FileFormat:
    """How one file is written, as it was said or found.

    Args:
        rows: "text", "jsonl", "csv" or "document".
        codecs: the compressions, the outermost first; mostly one or none.
        encoding: the name of one of Python's encodings.
        delimiter: what parts the columns of a CSV file; "" of others.
        escape: what stands before a quote inside a quoted cell, where that is not another quote.
        header: "yes", "no" or the names of a CSV file's columns; "" of others.
        header_line: the line of the header, where there is one, from 1.
    """

    rows: str
    codecs: tuple[str, ...] = ()
    encoding: str = "utf-8"
    delimiter: str = ""
    escape: str = ""
    header: str | tuple[str, ...] = ""
    header_line: int = 1
