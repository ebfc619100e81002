"""One run from checked parameters to its end: what must be true before, the runner on this machine
or a job on another, interruptions, and failures in one line.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["check", "estimate", "history", "run", "thresholds"]
