"""One architecture of each kind of the zoo, in seconds; all of them: `make test-zoo`."""

from pathlib import Path

import pytest
from zoo_architectures import ARCHITECTURES, CASES
from zoo_checks import check_answers, check_limit, check_other_side, check_pairs
from zoo_specimen import Specimen


@pytest.mark.parametrize(
    "model_type",
    [
        "distilbert",  # packed
        "deberta-v2",  # absolute and relative positions
        "gpt2",  # judged by its last token
        "llama",  # padded on the left
        "bart",  # judged by its end of sentence
        "t5",  # relative positions without a limit
        "convbert",  # looks at its padding
        "xlnet",  # judged at its end, padded on the left
        "big_bird",  # remembers
    ],
)
def test_it_equals_the_pipeline(tmp_path: Path, model_type: str) -> None:
    specimen = Specimen.made(tmp_path, model_type)
    check_answers(specimen)
    check_pairs(specimen)
    check_limit(specimen)
    check_other_side(specimen, tmp_path / "other")


def test_what_is_special_has_a_reason() -> None:
    assert set(CASES) <= set(ARCHITECTURES)
    assert [name for name, case in CASES.items() if case.config and not case.why] == []
