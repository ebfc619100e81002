"""Beam's side of the classifier: the ModelHandler, the transform around RunInference, what
is emitted, and how far a local run has come.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["emitting", "handler", "progress", "transform"]
