"""Files to records: format, compression, ranges of big files, and a module a format
(text, JSON lines, CSV); what gives no record is rejected with its reason.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "choosing",
    "csv_reader",
    "estimate",
    "fields",
    "files",
    "formats",
    "limits",
    "lines",
    "listing",
    "patterns",
    "preview",
    "spots",
    "survey",
    "table_input",
    "table_preview",
    "table_survey",
    "tables",
    "transform",
    "unclear",
    "watched",
]
