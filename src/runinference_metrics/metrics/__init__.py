"""What a run's figures are: a mergeable summary, distributions, the timeline, derived
values, prices, whether all files and rows are accounted for, whether
a run is good enough, and the content of metrics.json.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "accounts",
    "beam_metrics",
    "document",
    "files",
    "forecast",
    "history",
    "machine_types",
    "prices",
    "speeds",
    "summary",
    "verdicts",
]
