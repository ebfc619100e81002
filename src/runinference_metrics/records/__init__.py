"""The currency between the rooms: record, prediction, rejected row, classified batch, what a
batch took, the events of a run, the names of all metrics; and pure cutting into batches.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "batching",
    "classification",
    "events",
    "faults",
    "measured",
    "names",
    "record",
    "startup",
    "text",
]
