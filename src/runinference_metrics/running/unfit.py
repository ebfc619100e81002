"""What of the input does not fit the parameters, by the first rows of its files."""

import difflib
import re
from collections.abc import Collection, Sequence

from runinference_metrics.errors import UserError
from runinference_metrics.reading.fields import RowFields, listed
from runinference_metrics.reading.preview import Preview
from runinference_metrics.reading.unclear import Unclear

# Cells of a first row that are shown where columns have no names, and how much of each.
_MOST_CELLS, _LONGEST_CELL = 6, 30


def of_files(previews: Sequence[Preview], fields: RowFields) -> list[UserError]:
    """Why a run would lose files, or rows in another encoding; an error for each file."""
    return [error for one in previews if (error := _of_file(one, fields))]


def of_blanks(previews: Sequence[Preview], fields: RowFields) -> list[UserError]:
    """That no row holds a text, where all rows of all files were looked at."""
    rows = [one for one in previews if one.rows]
    if not rows or any(one.rows > one.blank or not one.whole for one in rows):
        return []
    first = next((one for one in rows if one.first), rows[0])
    number = sum(one.rows for one in rows)
    got = f"nothing but blanks in {'the 1 row' if number == 1 else f'all {number:,} rows'}"
    if not first.first:
        return [UserError("input", "files with texts", f"{got} of {first.path!r}")]
    takes = "the name of a field or column that holds a text"
    got = f"{fields.text_field!r} with {got}: there are {listed(first.first)}"
    return [UserError("text_field", takes, got)]


def of_fields(previews: Sequence[Preview], fields: RowFields) -> list[UserError]:
    """Which fields are asked for that no row has, besides those with the texts."""
    seen = [one for one in previews if one.first or one.texts]
    names = dict.fromkeys(name for one in seen for name in one.first)
    found = []
    for name in fields.named:
        if not seen or name in names or name in fields.texts:
            continue
        flag, takes = "keep_fields", "names of fields that rows have"
        single = {fields.id_field: "id_field", fields.label_field: "label_field"}
        if name in single:
            flag, takes = single[name], "the name of a field that rows have"
        files = repr(seen[0].path)
        if len(seen) > 1:
            files = f"{len(seen):,} files, such as {files}"
        there = f"there are {listed(names)}{_nearest(name, names)}"
        if not names:
            there = "a line of text has no fields, so leave it out"
        got = f"{name!r}, which no row has of those looked at in {files}: {there}"
        found.append(UserError(flag, takes, got))
    return found


def _of_file(one: Preview, fields: RowFields) -> UserError | None:
    if one.unclear:
        return _unclear(one, one.unclear)
    for flag in ("text", "text_pair"):
        name = fields.text_field if flag == "text" else fields.text_pair_field
        if f"missing_{flag}_field" not in one.rejected:
            continue
        if not one.has_fields:
            takes = "a field of files that have fields, and a line of text is one text"
            got = f"{name!r} with {one.path!r}: make that JSON lines or CSV, or leave it out"
            return UserError(f"{flag}_field", takes, got)
        if name not in one.first:
            takes = "the name of a field or column that holds a text"
            got = f"{name!r}, which {one.path!r} has not: {_what_is_there(one, name)}"
            return UserError(f"{flag}_field", takes, got)
    if one.doubt:
        return _unclear(one, one.doubt)
    return _lost(one) if one.lost else None


def _lost(one: Preview) -> UserError:
    worst = one.worst
    why = "nothing is left"
    if worst:
        why = f"{worst.reason}, {one.row_word} {worst.position:,}: {worst.detail}"
    if one.unfinished:
        return UserError("input", "files that can be read to their end", f"{one.path!r} ({why})")
    which = f"{'' if one.whole else 'first '}{'row' if one.rows == 1 else 'rows'}"
    got = f"{one.path!r}, of whose {one.rows:,} {which} none can be ({why})"
    if set(one.rejected) == {"malformed_json"}:
        got += "; if these are no JSON objects, name the files' --input_format"
    return UserError("input", "files whose rows can be read", got)


def _unclear(one: Preview, error: Unclear) -> UserError:
    return UserError(error.flag, error.takes, f"{one.path!r}, {error.got}")


def _what_is_there(one: Preview, name: str) -> str:
    """The fields of a file that lacks one, and the next step."""
    header = one.file_format.dialect.header if one.file_format else "yes"
    if one.file_format and one.file_format.rows == "csv" and header == "no":
        cells = [f"{column} ({_short(value)})" for column, value in one.first.items()]
        more = ", …" if len(cells) > _MOST_CELLS else ""
        return (
            f"without a header its columns are {', '.join(cells[:_MOST_CELLS])}{more}; take one "
            "of these numbers, or name the columns, as --header=id,text"
        )
    if not one.first:
        return "its rows have no fields at all"
    found = f"there are {listed(one.first)}"
    if hint := _otherwise(one, name):
        return f"{found}; {hint}"
    if near := _nearest(name, one.first):
        return found + near
    if one.file_format and one.file_format.rows == "csv" and header == "yes":
        found += (
            "; if these are data, since there is no header, say --header=no or name the columns, "
            "as --header=id,text"
        )
    return found


def _otherwise(one: Preview, name: str) -> str:
    """How a table may be written, if its first row shows that it is written otherwise."""
    if one.file_format is None or one.file_format.rows != "csv":
        return ""
    first = next(iter(one.first))
    if first.startswith("{"):
        return "if these are JSON objects, say --input_format=jsonl"
    # Alone in the first row, and between marks that part it from other names.
    parts = re.search(rf"([^\w\s])\"?{re.escape(name)}\b|\b{re.escape(name)}\"?([^\w\s\"])", first)
    if len(one.first) == 1 and parts:
        mark = parts[1] or parts[2]
        return f"if {mark!r} parts the columns, say --delimiter={mark}"
    return ""


def _short(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…")


def _nearest(name: str, names: Collection[str]) -> str:
    """The name that may be meant, as the end of a sentence; "" if none is like it."""
    plain = {one.strip().casefold(): one for one in reversed(list(names))}
    near = difflib.get_close_matches(name.strip().casefold(), plain, 1)
    return f"; did you mean {plain[near[0]]!r}?" if near else ""
