"""The output folder: predictions, dead letters, metrics.json and report.html, which appear
whole or not at all; metrics.json read back; and the history to which runs add a line.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "documents",
    "folder",
    "formats",
    "history",
    "loading",
    "runs_table",
    "shards",
    "summary",
]
