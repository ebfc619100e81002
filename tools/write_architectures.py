"""Writes docs/architectures.md from what the zoo of tests/zoo/ measures: `make architectures`."""

import logging
import multiprocessing
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architectures.md"
_HEAD = """\
# Architectures

<!-- Written by `make architectures` from what tests/zoo/ measures; a change by hand is lost. -->

Every architecture that transformers {version} has for sequence classification, {count} of them. The
program classifies with {possible}; each was made with random weights and compared with
transformers' own pipeline, one text at a time, on a CPU (`make test-zoo`): texts of 1 to 60 words
in one call, special tokens inside the text, an empty text, a text at the limit and one over it,
padding on either side. In float32 all scores are within 0.00001 of the pipeline's.

**Together** says how texts share a forward pass: *packed* without padding; *padded* to the longest;
only those of *equal lengths*, where padding would change the answers; or *one by one*. The program
tries this with the model itself when it loads it, so a model of your own may be treated otherwise;
`grouping` in `metrics.json` says how it was.

**Limit** says what ends a text: the *positions* that the model has; a number that is *stated* in
its `config.json`, which the model itself could exceed; or *none*, and then texts are cut at
{unlimited:,} tokens unless `--max_length` says more.

**Precisions** are those that a CPU computes. With random weights, whose scores are closer together
than a trained model's, a score moves in the mean by up to {bfloat16} in bfloat16, {float16} in
float16 and {int8} in int8 (of a range of 0 to 1), unless it says otherwise. `auto` takes float32
where its own choice is not possible; another one that is asked for by name is refused.

| architecture | `model_type` | together | limit | precisions | |
| --- | --- | --- | --- | --- | --- |
"""


def page(rows: Sequence[str], possible: int) -> str:
    """The page.

    Args:
        rows: the table's lines, one for each architecture.
        possible: with how many of them the program classifies.
    """
    import transformers
    from zoo_checks import ROUNDED
    from zoo_row import UNLIMITED

    head = _HEAD.format(
        version=transformers.__version__,
        count=len(rows),
        possible=possible,
        unlimited=UNLIMITED,
        **ROUNDED,
    )
    return head + "\n".join(rows) + "\n"


def _measured(model_type: str) -> str:
    import torch
    import transformers
    from zoo_architectures import possible
    from zoo_row import row
    from zoo_specimen import Specimen

    # The page is all that is to be seen.
    logging.disable(logging.WARNING)
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if model_type not in possible():
        return row(model_type, None)
    with tempfile.TemporaryDirectory() as folder:
        return row(model_type, Specimen.made(Path(folder), model_type))


def main() -> None:
    """Measures every architecture and writes the page."""
    sys.path.insert(0, str(ROOT / "tests" / "zoo"))
    from zoo_architectures import ARCHITECTURES, possible

    with multiprocessing.get_context("fork").Pool() as pool:
        rows = pool.map(_measured, ARCHITECTURES, chunksize=8)
    text = page(rows, len(possible()))
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()
