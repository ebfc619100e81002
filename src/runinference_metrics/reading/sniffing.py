"""How a file is written, found from its name and its first bytes, as far as nobody says it."""

import codecs
import json
import re
from dataclasses import dataclass
from functools import cached_property

from runinference_metrics.reading import binary, dialects, encodings
from runinference_metrics.reading.compression import named_codec
from runinference_metrics.reading.csv_reader import rows_of
from runinference_metrics.reading.dialects import dialect_of
from runinference_metrics.reading.formats import AUTO, Dialect, FileFormat, FormatOptions
from runinference_metrics.reading.mistaken import mistaken
from runinference_metrics.reading.unclear import Unclear

# What is looked at of a file, decompressed: some hundred rows.
SNIFF_BYTES = 1 << 16
TAKES = "text, jsonl, csv, document, parquet or avro"
_TEXT = (".txt", ".text")
_JSON = (".jsonl", ".ndjson", ".jsonlines", ".ldjson", ".json")
# With what parts the columns where nothing in the file shows it.
_CSV = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_CELLS = re.compile(r'"[^"]*"')
# So many columns and rows in each other are a table; less may be punctuation.
_LEAST_COMMAS_ROWS, _LEAST_ROWS = 5, 2


@dataclass(frozen=True)
class Sample:
    """The beginning of a file, decompressed.

    Args:
        head: its first bytes, `SNIFF_BYTES` or a little more.
        whole: whether that is the whole of it.
    """

    head: bytes
    whole: bool

    def text(self, encoding: str) -> str:
        """The characters; what cannot be decoded is left out, as are byte-order marks."""
        if encoding == "utf-8":
            text = self.head.decode(errors="ignore")
        else:
            decoder = codecs.getincrementaldecoder(encoding)("ignore")
            text = decoder.decode(self.head, self.whole)
        text = text.lstrip("\ufeff")
        return text.replace("\n\ufeff", "\n") if "\n\ufeff" in text else text


class _Sniffer:
    """One file, looked at."""

    def __init__(self, path: str, sample: Sample, options: FormatOptions, text_field: str) -> None:
        self._sample = sample
        self._options = options
        self._text_field = text_field
        self._ending = _ending(path)
        said = None if options.encoding == AUTO else options.encoding
        self.encoding = encodings.encoding_of(sample.head, said)

    @cached_property
    def text(self) -> str:
        """The beginning, decoded."""
        return self._sample.text(self.encoding)

    @cached_property
    def bare_returns(self) -> bool:
        """Whether lines end with a carriage return alone, as old spreadsheets write them."""
        if b"\r" not in self._sample.head:
            return False
        text = self.text
        if self._ending in _CSV and '"' in text and "\r\n" not in text:
            # Where such a line ends with CR, one within a cell ends with LF.
            text = _CELLS.sub("", text)
        return "\n" not in text and "\r" in text.rstrip("\r")

    @cached_property
    def _first_line(self) -> str:
        if self.encoding == "utf-8" and not self.bare_returns:
            # Of most files nothing more is needed.
            first = self._sample.head.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")[0]
            return first.decode(errors="ignore").strip()
        return self._lines.lstrip().partition("\n")[0].strip()

    @cached_property
    def _lines(self) -> str:
        return self.text.replace("\r", "\n") if self.bare_returns else self.text

    def rows(self) -> str:
        """What the rows are: said, or told by the name, or by the content."""
        options, ending = self._options, self._ending
        if options.input_format != AUTO:
            return options.input_format
        if ending in _JSON:
            self._refuse_documents()
            return "jsonl"
        if ending in _CSV or (options.delimiter, options.header) != (AUTO, AUTO):
            return "csv"
        return self._by_content()

    def _by_content(self) -> str:
        first = self._first_line
        is_text = self._ending in _TEXT
        if is_text and not first.startswith("{") and self._text_field not in first:
            return self._lines_of_text()
        if first.startswith("{") and self._is_object(first):
            if is_text:
                raise self._unclear("a JSON object in its first line, but the name of a text")
            return "jsonl"
        if first == self._text_field and "\n" in self.text.strip():
            raise self._unclear(f"{first!r} as its first line, which may be a header")
        if delimiter := self._columns():
            if not is_text and self._text_field in _cells(first, delimiter):
                return "csv"
            if not is_text or self._text_field in _cells(first, delimiter):
                raise self._unclear(f"columns, as it seems, with {delimiter!r} between them")
        if not is_text:
            self._refuse_documents()
        return self._lines_of_text()

    def _lines_of_text(self) -> str:
        if what := mistaken(self._lines, self._text_field):
            raise Unclear("input_format", TAKES, what)
        return "text"

    def _unclear(self, what: str) -> Unclear:
        return Unclear("input_format", TAKES, f"{what}: say what it is")

    def _is_object(self, line: str) -> bool:
        try:
            return isinstance(json.loads(line), dict)
        except ValueError:
            # A first line that is longer than the sample.
            return not self._sample.whole and "\n" not in self.text and line.startswith('{"')
        except RecursionError:
            return True

    def _columns(self) -> str | None:
        """What parts the rows into equal columns, at least two of them."""
        for delimiter in dialects.CANDIDATES:
            if delimiter not in self._first_line:
                continue
            rows = [
                row for row in rows_of(self._lines, Dialect(delimiter), self._sample.whole) if row
            ]
            with_header = bool(rows) and self._text_field in [cell.strip() for cell in rows[0]]
            least = _LEAST_COMMAS_ROWS if delimiter == "," and not with_header else _LEAST_ROWS
            if len(rows) >= least and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
                return delimiter
        return None

    def _refuse_documents(self) -> None:
        """Raises Unclear when a file is one JSON value instead of a value a line."""
        start = self.text.lstrip()
        first = start.partition("\n")[0].rstrip()
        if re.match(r'\[\s*[\["{]' if self._ending in _JSON else r"\[\s*\{", start):
            if _is_json(first) and first != start.rstrip():
                # An array a line: each of them is said to be no object.
                return
            found, step = "one JSON array", "make lines of it, as `jq -c '.[]' FILE` does"
        elif first.startswith("{") and first.endswith(",") and _is_json(first[:-1]):
            found = "JSON objects with commas between them"
            step = "leave the commas out, as `sed 's/,$//' FILE` does"
        elif start.startswith("{") and not _is_json(first) and self._goes_on(start):
            found = "a JSON object over several lines"
            step = "write each object on a line of its own, as `jq -c . FILE` does"
        else:
            return
        raise Unclear("input_format", "jsonl with a JSON object a line", f"{found}: {step}")

    def _goes_on(self, start: str) -> bool:
        """Whether the first object ends on a later line."""
        try:
            json.JSONDecoder().raw_decode(start)
        except (ValueError, RecursionError):
            first, _, rest = start.partition("\n")
            return first.strip() == "{" and bool(rest.strip())
        return True

    def dialect(self) -> Dialect:
        """How a CSV file is written."""
        usual = _CSV.get(self._ending, ",")
        return dialect_of(self._lines, self._sample.whole, self._options, self._text_field, usual)


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _ending(path: str) -> str:
    """The ending that tells the rows, in lower case, without the compression's."""
    stem, _, ending = path.rpartition(".")
    if named_codec(path):
        ending = stem.rpartition(".")[2]
    return f".{ending.lower()}"


def sniffed(
    path: str,
    sample: Sample,
    codecs_found: tuple[str, ...],
    options: FormatOptions,
    text_field: str,
) -> FileFormat:
    """How a file is written.

    Args:
        path: its name.
        sample: its beginning, decompressed.
        codecs_found: its compressions.
        options: what the user says of it.
        text_field: the field or column with the text.

    Raises:
        Unclear: it cannot be told safely, or it is of a kind that is not read.
    """
    if not sample.head:
        return FileFormat("text", codecs_found)
    said = options.input_format
    if kind := binary.table_kind(sample.head, bool(codecs_found), said):
        return FileFormat(kind)
    binary.refuse_binary(path, sample.head)
    if said == AUTO:
        binary.refuse_misnamed(path)
    sniffer = _Sniffer(path, sample, options, text_field)
    rows = sniffer.rows()
    dialect = sniffer.dialect() if rows == "csv" else Dialect()
    bare_returns = rows in ("text", "csv") and sniffer.bare_returns
    return FileFormat(rows, codecs_found, sniffer.encoding, bare_returns, dialect)
