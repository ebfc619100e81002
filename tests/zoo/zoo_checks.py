"""What holds for every architecture."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from zoo_answers import Reference, classifier, difference, scores
from zoo_factory import pad_on
from zoo_specimen import Specimen
from zoo_texts import mixed_pairs, text_of

from runinference_metrics.classifier.classifier import Classifier
from runinference_metrics.classifier.devices import DTYPES
from runinference_metrics.errors import UserError

# float32 carries seven decimals; the zoo's models lose one to two of them: the pipeline in float64
# differs by up to 2e-6.
EXACT = 1e-5
# The mean over texts of the largest difference to float32. The zoo's logits have a deviation of 1,
# so that a bit lost shows more than with a trained model, whose scores are mostly near 0 or 1. The
# pipeline itself comes to 0.027 in bfloat16, which carries 8 bits, and to 0.008 in float16 with 11.
# The mean, since an expert that is chosen otherwise changes a single text by up to 0.4.
ROUNDED = {"bfloat16": 0.04, "float16": 0.01, "int8": 0.08}
# How much further from float32 than the pipeline in the same precision.
_MORE_THAN_THE_PIPELINE = 0.01


def check_answers(specimen: Specimen) -> None:
    """Texts in one call have the scores that they have alone, and again in another order."""
    expected = specimen.expected
    assert np.ptp(expected, axis=0).max() > 0.3, "the model does not tell texts apart"
    found = scores(specimen.ours, specimen.texts)
    assert difference(found, expected).max() < EXACT
    again = scores(specimen.ours, specimen.texts[::-1])[::-1]
    assert difference(again, expected).max() < EXACT
    if "" not in specimen.texts:
        # Without a token, the pipeline fails; so must the program, which then names the text.
        with pytest.raises(Exception, match=r"."):
            specimen.ours.classify([""])


def check_pairs(specimen: Specimen) -> None:
    """Pairs of texts in one call have the scores that they have alone."""
    most = specimen.ours.effective.max_length
    pairs = [pair for pair in mixed_pairs() if specimen.reference.can(pair, most)]
    assert len(pairs) > 15, "the pipeline has no answers for pairs"
    expected = specimen.reference.all_scores(pairs, most)
    assert np.ptp(expected, axis=0).max() > 0.1, "the model does not tell pairs apart"
    assert difference(scores(specimen.ours, pairs), expected).max() < EXACT


def check_limit(specimen: Specimen) -> None:
    """A text at the limit and one over it, beside a short one."""
    most = specimen.ours.effective.max_length
    if most > 1000:
        return
    tokenizer = specimen.reference.pipe.tokenizer
    texts = ["good", text_of(most, tokenizer), text_of(most + 1, tokenizer)]
    found = specimen.ours.classify(texts)
    assert found.stats.truncated == 1
    expected = specimen.reference.all_scores(texts, most)
    assert difference(scores(specimen.ours, texts), expected).max() < EXACT


def check_other_side(specimen: Specimen, folder: Path) -> None:
    """The same model with a tokenizer that pads on the other side.

    Args:
        specimen: the model.
        folder: where its copy is made.
    """
    shutil.copytree(specimen.folder, folder)
    left = specimen.reference.pipe.tokenizer.padding_side == "left"
    pad_on("right" if left else "left", folder)
    found = scores(classifier(folder), specimen.texts)
    assert difference(found, specimen.expected).max() < EXACT


def check_precision(specimen: Specimen, precision: str) -> None:
    """Fewer bits lose little, and are refused where the pipeline cannot compute in them."""
    try:
        in_pipeline = None if precision == "int8" else _lost_in_pipeline(specimen, precision)
    except RuntimeError:
        with pytest.raises(UserError, match=f"--precision takes auto or .*got {precision}"):
            classifier(specimen.folder, precision)
        return
    ours = _loaded(specimen, precision)
    if ours is None:
        # int8 is the program's own: the pipeline does not say where it is possible.
        assert precision == "int8"
        return
    lost = difference(scores(ours, specimen.texts), specimen.expected).mean()
    assert lost < specimen.case.rounded.get(precision, ROUNDED[precision])
    if in_pipeline is not None:
        assert lost < in_pipeline + _MORE_THAN_THE_PIPELINE


def _loaded(specimen: Specimen, precision: str) -> Classifier | None:
    """The classifier; None when the precision is refused."""
    try:
        return classifier(specimen.folder, precision)
    except UserError as error:
        if not str(error).startswith("--precision takes auto or"):
            raise
        return None


def _lost_in_pipeline(specimen: Specimen, precision: str) -> float:
    rounded = Reference(specimen.folder, precision, specimen.case.remembers)
    return float(difference(rounded.all_scores(specimen.texts), specimen.expected).mean())


PRECISIONS = [precision for precision in DTYPES if precision != "float32"]
