"""From `device` to Dataflow's worker settings; what a launch needs, and what Google refuses; a job,
its metrics and its messages by its id.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["job", "needs", "refusals", "workers"]
