"""How many tokens one forward pass takes, where the user leaves it to us."""

from runinference_metrics.classifier.devices import INT8

# Tokens of one forward pass. On a CPU about a thousand stay in the cache, two thousand with int8:
# the fastest of what bench/token_budget.py tries with DistilBERT's shape, see bench/README.md. With
# the demo model, a sixth as wide, more gain nothing worth their memory. On a GPU some 32 times as
# many, not measured yet.
AUTO_BATCH_TOKENS = {
    ("CPU", "float32"): 1024,
    ("CPU", "bfloat16"): 1024,
    ("CPU", "float16"): 1024,
    ("CPU", INT8): 2048,
    ("GPU", "float32"): 32_768,
    ("GPU", "bfloat16"): 32_768,
    ("GPU", "float16"): 32_768,
}
