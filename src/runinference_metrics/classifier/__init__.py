"""The model and its tokenizer on a device at a precision, which classify texts; the token
budget of a forward pass is chosen here. Knows no Beam, so that it can be tested and timed alone.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["calibrator", "classifier", "devices", "sample_texts"]
