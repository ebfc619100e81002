"""A run's document as a table, a page, a comparison, advice; many runs over time; charts are
drawn here. How it is shown, never how it was computed.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "comparison",
    "comparison_table",
    "forecast",
    "history",
    "history_table",
    "label_changes",
    "page",
    "table",
]
