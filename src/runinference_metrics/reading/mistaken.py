"""Files whose lines are no texts of their own: pages, tables for the eye, tables of Hive."""

import re

from runinference_metrics.reading.dialects import CANDIDATES, NAMES_OF_R

# What Hive puts between columns where nobody says otherwise.
_HIVE = "\x01"
_PAGE = re.compile(r"<!doctype html|<html|<\?xml", re.IGNORECASE)
_SCRIPT = re.compile(r"[\w. ]+ ?= ?[\[{]\s*")
# A rule above or below the names, as databases draw it on a terminal.
_RULE = re.compile(r"\s*[|+]?[\s:=-]*-{2,}[-+|:\s]*[+|][-+|:\s]*")
# The lines among which it is.
_MOST_LINES = 3


def mistaken(text: str, text_field: str) -> str | None:
    """What a file is whose lines are no texts, with the next step; None if they may be some.

    Args:
        text: its beginning.
        text_field: the name of the column that is looked for.
    """
    lines = text.lstrip().split("\n", _MOST_LINES)[:_MOST_LINES]
    first = lines[0].strip()
    if _PAGE.match(first):
        return "a page of HTML or XML: take its texts out, or say what a row is"
    if _SCRIPT.fullmatch(first):
        return "a script that assigns a value: leave of it the JSON lines, or say what a row is"
    if _HIVE in first:
        found = r"columns with '\x01' between them, as Hive writes"
        return rf"{found}: say --input_format=csv and --delimiter=$'\x01'"
    if any(_RULE.fullmatch(line.rstrip("\r")) for line in lines):
        return "a table that is drawn with lines: export it as CSV, or say what a row is"
    if NAMES_OF_R.fullmatch(first) and f'"{text_field}"' in first:
        return "names of columns in its first line, as R writes them: say what it is"
    if delimiter := _header_of(first, text_field):
        return f"columns, as it seems, with {delimiter!r} between them: say what it is"
    return None


def _header_of(line: str, text_field: str) -> str | None:
    """What parts the names of columns, if the line looks like a header with the text's."""
    for delimiter in CANDIDATES:
        cells = [cell.strip('"') for cell in line.split(delimiter)]
        # In a sentence a blank stands behind a comma.
        if len(cells) > 1 and text_field in cells and all(one == one.strip() for one in cells):
            return delimiter
    return None
