"""The currency between the rooms: record, prediction, rejected row, classified batch, what a
batch took, the events of a run, the names of all metrics and of a processor's instruction sets;
and pure cutting into batches.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "batching",
    "classification",
    "events",
    "faults",
    "measured",
    "names",
    "processor",
    "record",
    "startup",
    "text",
]
