"""Our classifier in a bare loop over the lines of a file: what the whole program is held against.

python bench/bare_loop.py MODEL_FOLDER TEXTS PRECISION
"""

import sys
from pathlib import Path

from runinference_metrics.classifier import ClassifierSpec


def main(folder: str, texts_file: str, precision: str) -> None:
    """Classifies all lines, in batches as the pipeline makes them."""
    texts = Path(texts_file).read_text().splitlines()
    classifier = ClassifierSpec(folder, precision=precision).load()
    for start in range(0, len(texts), 512):
        classifier.classify(texts[start : start + 512])


if __name__ == "__main__":
    main(*sys.argv[1:])
