"""Every architecture against transformers' own pipeline: `make test-zoo`, some minutes."""

from pathlib import Path

import pytest
from zoo_architectures import ARCHITECTURES, CASES, Case, possible
from zoo_checks import (
    PRECISIONS,
    check_answers,
    check_limit,
    check_other_side,
    check_pairs,
    check_precision,
)
from zoo_factory import make
from zoo_row import row
from zoo_specimen import Specimen

from runinference_metrics.errors import UserError

pytestmark = pytest.mark.zoo
PAGE = Path(__file__).parent.parent.parent / "docs" / "architectures.md"


@pytest.fixture(
    # The tests of a model run in one process, so that it is made once.
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in possible()],
    scope="module",
)
def specimen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    return Specimen.made(tmp_path_factory.mktemp("zoo"), request.param)


def test_it_equals_the_pipeline(specimen: Specimen) -> None:
    check_answers(specimen)


def test_it_equals_the_pipeline_with_pairs(specimen: Specimen) -> None:
    check_pairs(specimen)


def test_it_equals_the_pipeline_at_its_limit(specimen: Specimen) -> None:
    check_limit(specimen)


def test_it_equals_the_pipeline_padded_on_the_other_side(
    specimen: Specimen, tmp_path: Path
) -> None:
    check_other_side(specimen, tmp_path / "other")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_fewer_bits_lose_little_or_are_refused(specimen: Specimen, precision: str) -> None:
    check_precision(specimen, precision)


def test_the_page_says_what_is_measured(specimen: Specimen) -> None:
    measured = row(specimen.model_type, specimen)
    assert measured in PAGE.read_text().splitlines(), "make architectures writes the page anew"


@pytest.mark.parametrize(
    "model_type", [name for name in ARCHITECTURES if CASES.get(name, Case()).refused]
)
def test_what_would_score_all_texts_alike_is_refused(tmp_path: Path, model_type: str) -> None:
    with pytest.raises(UserError, match="--model takes"):
        Specimen(model_type, make(tmp_path / model_type, model_type)).ours  # noqa: B018
