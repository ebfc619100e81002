import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from documents_for_tests import PRICES, make_document
from runinference_metrics.metrics.beam_metrics import BeamDistribution
from runinference_metrics.report.formats import short
from runinference_metrics.report.table import print_table


@given(st.integers(0, 999 * 10**9))
# They round up to more digits, or to the next unit.
@example(99_995_000)
@example(999_950_000)
@example(999_999_999)
@example(99_995_000_000)
def test_a_number_fits_its_column(value: int) -> None:
    assert len(short(value)) <= 7
    assert len(short(value / 7)) <= 7


def test_numbers_are_readable() -> None:
    assert [short(v) for v in (None, 0, 7, 12.5, 12345.6, 999_999, 124_490_000, 5e10)] == [
        "-", "0", "7", "12.5", "12,346", "999,999", "124.5 M", "50.00 G",
    ]  # fmt: skip
    assert [short(v) for v in (99_994_000, 99_995_000, 999_949_000, 999_950_000)] == [
        "99.99 M", "100.0 M", "999.9 M", "1.00 G",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 1000), min_size=1), st.lists(st.integers(0, 1000)))
def test_merging_is_that_of_all_values(left: list[int], right: list[int]) -> None:
    def of(values: list[int]) -> BeamDistribution:
        if not values:
            return BeamDistribution()
        return BeamDistribution(len(values), sum(values), min(values), max(values))

    assert of(left).merge(of(right)) == of(left + right)
    assert of(right).merge(of(left)) == of(left + right)


def test_markup_in_the_data_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    document = make_document(dead_letters=["[bold]reason"])
    print_table(document, "[red]out")
    out = capsys.readouterr().out
    assert "[bold]reason 1" in out
    assert "[red]out" in out


def test_the_table_shows_cost_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    document = make_document(batches=40, texts=20, prices=PRICES)
    print_table(document, "out")
    out = capsys.readouterr().out
    assert "cost of a million texts" in out
    assert "Raise min_batch_size (now 64)" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_table_shows_faults_where_there_were_any(capsys: pytest.CaptureFixture[str]) -> None:
    document = make_document()
    print_table(document, "out")
    assert "Faults" not in capsys.readouterr().out
    document["faults"]["out_of_memory_retries"] = 4711
    document["runinference"]["failed_batches_counter"] = 17
    print_table(document, "out")
    out = capsys.readouterr().out
    assert "Faults that were overcome" in out
    assert "4,711" in out


def test_the_table_names_what_the_processor_has(capsys: pytest.CaptureFixture[str]) -> None:
    document = make_document(2)
    for one in document["run"]["effective"]:
        one["instruction_sets"] = ["avx2", "avx512", "avx512_bf16"]
    print_table(document, "out")
    assert "avx2 avx512 avx512_bf16" in capsys.readouterr().out
    # As of a GPU.
    document["run"]["effective"][0]["instruction_sets"] = []
    print_table({**document, "run": document["run"] | {"effective": []}}, "out")
    assert "the processor has" not in capsys.readouterr().out


def test_the_table_says_from_what_8_bits_come(capsys: pytest.CaptureFixture[str]) -> None:
    document = make_document(2)
    print_table(document, "out")
    assert "int8 by" not in capsys.readouterr().out
    for one in document["run"]["effective"]:
        one["quantised"] = "ranges of 270 texts (a.txt), 24 of 25 layers"
    print_table(document, "out")
    said = " ".join(capsys.readouterr().out.split())
    assert "int8 by ranges of 270 texts (a.txt), 24 of 25 layers" in said


def test_the_table_says_where_a_model_took_the_slower_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = make_document(2)
    print_table(document, "out")
    assert "a forward pass takes" not in capsys.readouterr().out
    for one in document["run"]["effective"]:
        one |= {"grouping": "equal_lengths", "fallback": "in bfloat16 the model fails"}
    print_table(document, "out")
    out = capsys.readouterr().out
    assert "a forward pass takes" in out
    assert "only texts of one length" in out
    assert "in bfloat16 the model fails" in out
