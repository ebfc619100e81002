"""The input's first rows, before a run starts: what is found there, and what is refused."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.errors import UserError
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.choosing import chosen
from runinference_metrics.reading.fields import RowFields
from runinference_metrics.reading.formats import FormatOptions
from runinference_metrics.reading.listing import Found, Listed
from runinference_metrics.reading.preview import Preview, preview
from runinference_metrics.reading.table_preview import table_preview
from runinference_metrics.records.text import Text
from runinference_metrics.running import unfit
from runinference_metrics.running.input import why_not
from runinference_metrics.writing.formats import Output

# A bucket answers many at once; what is read is held until it is shown.
_THREADS = 8
# Of formats and remarks, what one reads.
_MOST_FORMATS, _MOST_REMARKS = 5, 3
_EMPTY = "empty"


@dataclass(frozen=True)
class Previewed:
    """What the first rows of some files show.

    Args:
        listed: all files.
        previews: those that were looked at.
        errors: why a run does not start with them, if so.
        remarks: what is odd and no error, a sentence each.
    """

    listed: Listed
    previews: tuple[Preview, ...]
    errors: tuple[UserError, ...]
    remarks: tuple[str, ...]

    @property
    def texts(self) -> list[Text]:
        """The texts of all files that were looked at."""
        return [text for one in self.previews for text in one.texts]

    @property
    def right_labels(self) -> list[str]:
        """The rows' own labels, as far as they have any."""
        return [label for one in self.previews for label in one.right_labels]

    @property
    def why_rows_are_unknown(self) -> str:
        """Why nobody knows yet how many rows there are; "" where it can be told."""
        table = self.listed.table
        if table is None or not (table.source.query or table.source.where):
            return ""
        return "known when the query has run" if table.source.query else "those that WHERE takes"

    def __str__(self) -> str:
        """The input in a line."""
        if table := self.listed.table:
            return self._of_table(table)
        files, num_bytes = len(self.listed.files), self.listed.size_bytes
        size = _size(num_bytes)
        looked_at = f", {len(self.previews):,} of them looked at" * (len(self.previews) < files)
        skipped = ""
        if self.listed.skipped:
            reasons = ", ".join(f"{why} {count:,}" for why, count in self.listed.skipped.items())
            skipped = f"; {sum(self.listed.skipped.values()):,} skipped ({reasons})"
        number = "1 file" if files == 1 else f"{files:,} files"
        return f"Input: {number}, {size}{looked_at}: {', '.join(self._formats())}{skipped}"

    def _of_table(self, table: Input) -> str:
        size = _size(self.listed.size_bytes)
        if table.source.table is None:
            return f"Input: a query of BigQuery, which reads {size} for the price of a query"
        rows = next((one.num_rows for one in self.previews if one.num_rows is not None), None)
        number = "some of its rows" if rows is None else f"{rows:,} rows"
        return f"Input: a table of BigQuery, {size}, {number}"

    def _formats(self) -> Iterator[str]:
        counts = Counter(_format(one) for one in self.previews)
        shown = counts.most_common(_MOST_FORMATS)
        yield from (f"{name} {count:,}" for name, count in shown)
        if left := len(self.previews) - sum(count for _, count in shown):
            yield f"others {left:,}"


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 1e5 else f"{num_bytes:,} bytes"


def _format(one: Preview) -> str:
    if not one.rows:
        return _EMPTY
    kind, _, how = str(one.file_format or "unclear").partition(", ")
    return f"{kind} ({how})" if how else kind


def row_fields(settings: Settings, output: Output | None = None) -> RowFields:
    """The fields that matter.

    Args:
        settings: the parameters.
        output: how predictions are written, which may want no kept fields, or types; None before
            that is known.
    """
    kept = settings.keep_fields if output is None or "fields" in output.wanted else ()
    types = output.table.types if output and output.table else None
    return RowFields(
        settings.text_field, settings.id_field, kept, settings.text_pair_field,
        settings.label_field, types,
    )  # fmt: skip


def format_options(settings: Settings) -> FormatOptions:
    """What the user says of how the files are written."""
    return FormatOptions(
        settings.input_format,
        settings.delimiter,
        settings.header,
        settings.encoding,
        settings.compression,
    )


def previewed(listed: Listed, settings: Settings) -> Previewed:
    """Looks at some of the files.

    Args:
        listed: all files.
        settings: the parameters.
    """
    fields, options = row_fields(settings), format_options(settings)
    given = listed.table

    def one(file: Found) -> Preview | UserError:
        try:
            if given:
                return table_preview(given, fields)
            return preview(file.path, file.size_bytes, fields, options)
        except UserError as error:
            return error
        except Exception as error:
            what = "files" if given is None else "tables and queries"
            got = f"{file.path!r}: {why_not(error)}"
            return UserError("input", f"{what} that can be read", got)

    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(one, chosen(listed.files)))
    previews = tuple(one for one in found if isinstance(one, Preview))
    if given and previews:
        listed = replace(listed, files=(Found(str(given), previews[0].size_bytes),))
    errors = [one for one in found if isinstance(one, UserError)]
    remarks = [
        f"{one.path!r}: all of its {'' if one.whole else 'first '}{one.rows:,} rows are blank"
        for one in previews
        if 0 < one.rows == one.blank
    ]
    lost = unfit.of_files(previews, fields)
    if len(lost) > settings.max_failed_files or not any(one.texts for one in previews):
        errors.extend(lost)
    else:
        remarks.extend(f"a file may be lost: {error}" for error in lost)
    if len(found) == sum(file.size_bytes > 0 for file in listed.files):
        errors.extend(unfit.of_blanks(previews, fields))
    errors.extend(unfit.of_fields(previews, fields))
    return Previewed(listed, previews, tuple(errors), tuple(remarks))


def refuse(found: Previewed) -> None:
    """Raises UserError where a run would lose files, or what is asked for."""
    if not found.errors:
        return
    first, *others = found.errors
    if not others:
        raise first
    got = f"{first.got} (the first of {len(found.errors):,} faults; `check` shows all)"
    raise UserError(first.flag, first.takes, got)


def announce(found: Previewed, say: Callable[[str], None], others: Sequence[str] = ()) -> None:
    """Says what was found, in a line, and what is odd.

    Args:
        found: what the first rows show.
        say: takes a line for the user.
        others: more of what is odd.
    """
    say(str(found))
    remarks = [*others, *found.remarks]
    for remark in remarks[:_MOST_REMARKS]:
        say(f"Input: {remark}")
    if left := remarks[_MOST_REMARKS:]:
        say(f"Input: {len(left):,} more remarks; `check` shows all")
