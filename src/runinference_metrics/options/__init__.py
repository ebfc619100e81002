"""Every parameter, declared once: from it come the command line, the checks, metadata.json
and docs/parameters.md; and the flags that are Beam's own.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = [
    "accelerators",
    "addresses",
    "beam_flags",
    "command_line",
    "label_names",
    "labels",
    "metadata",
    "output",
    "parameters",
    "settings",
    "sources",
]
