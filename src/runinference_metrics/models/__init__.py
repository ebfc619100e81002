"""From a model's source to a checked folder: a bucket, weights, tokenizer files, digests.
Neither torch nor transformers is needed here.
"""

# The doors: other rooms use these modules and no others; tools/rooms.py holds it.
__all__ = ["cache", "folder", "heads", "remote", "token_lengths", "weights"]
