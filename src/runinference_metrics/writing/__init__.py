"""The output folder: predictions, dead letters, metrics.json and report.html, which appear
whole or not at all; and metrics.json read back.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["documents", "folder", "shards", "summary"]
