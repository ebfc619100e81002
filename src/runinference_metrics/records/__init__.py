"""The currency between the rooms: record, prediction, rejected row, classified batch, what a
batch took, how right and how sure its labels are, the events of a run, thresholds, runs that are
over, the names of all metrics and of a processor's instruction sets; and pure cutting into batches.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "batching",
    "certainty",
    "classification",
    "events",
    "faults",
    "fitting",
    "history",
    "interval",
    "kept",
    "kept_types",
    "measured",
    "names",
    "plain_types",
    "prediction",
    "processor",
    "quality",
    "record",
    "right_labels",
    "startup",
    "text",
    "threshold",
]
