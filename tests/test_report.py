from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.metrics import Distribution
from runinference_metrics.report import _short, print_table


@given(st.integers(0, 999 * 10**9))
def test_a_number_fits_its_column(value: int) -> None:
    assert len(_short(value)) <= 7
    assert len(_short(value / 7)) <= 7


def test_numbers_are_readable() -> None:
    assert [_short(v) for v in (None, 0, 7, 12.5, 12345.6, 999_999, 124_490_000, 5e10)] == [
        "-", "0", "7", "12.5", "12,346", "999,999", "124.5 M", "50.00 G",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 1000), min_size=1), st.lists(st.integers(0, 1000)))
def test_merging_is_that_of_all_values(left: list[int], right: list[int]) -> None:
    def of(values: list[int]) -> Distribution:
        if not values:
            return Distribution()
        return Distribution(len(values), sum(values), min(values), max(values))

    assert of(left).merge(of(right)) == of(left + right)
    assert of(right).merge(of(left)) == of(left + right)


def test_markup_in_the_data_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    nothing: dict[str, Any] = Distribution().as_json()
    print_table(
        {
            "run": {"effective": [], "parameters": {"device": "CPU"}, "wall_secs": 1.0},
            "records": {
                "read": 1, "predicted": 0, "dead_lettered": 1, "blank": 0, "truncated": 0,
                "dead_letters_by_reason": {"[bold]reason": 1},
            },
            "runinference": {
                "num_inferences": 0, "failed_batches_counter": 0, "model_byte_size": nothing,
            },
            "tokens": {"padding_share": None},
            "stages": {},
            "derived": {
                "total_inference_secs": 0.0, "texts_per_inference_sec": None,
                "tokens_per_inference_sec": None, "texts_per_wall_sec": None,
            },
        },
        "[red]out",
    )  # fmt: skip
    out = capsys.readouterr().out
    assert "[bold]reason 1" in out
    assert "[red]out" in out
