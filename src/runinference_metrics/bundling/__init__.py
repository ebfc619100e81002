"""From a model's source (the hub, a bucket, a folder) to a folder that can be run: fetched,
converted, compared with transformers' own pipeline, and written whole or not at all.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["bundle", "calibration_texts", "hub_name"]
