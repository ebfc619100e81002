"""When another machine is advised, and at which cost."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from documents_for_tests import PARAMETERS, PRICES, make_document
from runinference_metrics.records import processor
from runinference_metrics.report import machine
from runinference_metrics.report.advice import advice
from runinference_metrics.report.machine import busy_share, cheaper_machine

AVX2 = ["avx2"]
AVX512 = ["avx2", "avx512", "avx512_vnni"]
ZEN4 = [*AVX512, "avx512_bf16"]
XEON = [*ZEN4, "amx_bf16", "amx_int8"]


def ran(has: list[str] | None, precision: str = "float32", **changes: Any) -> dict[str, Any]:
    """A document of a run whose model computed for 95 % of ten minutes."""
    document = make_document(batches=40, texts=500, prices=PRICES)
    document["workers"] = [
        one | {"active_secs": 600.0, "forward_secs": 570.0, "busy_share": 0.95}
        for one in document["workers"]
    ]
    document["derived"]["total_inference_secs"] = 580.0
    document["cost"]["per_million_texts"] = 0.5
    document["run"]["runner"] = "DataflowRunner"
    for one in document["run"]["effective"]:
        one |= {"precision": precision, "instruction_sets": has} | changes
        if has is None:
            del one["instruction_sets"]
    return document


@pytest.mark.parametrize(
    ("has", "precision", "machines", "costs"),
    [
        # 0.5 x (0.05 + 0.95 x 80 / 616) to 0.5 x (0.05 + 0.95 x 80 / 191)
        (AVX2, "float32", "n4-standard-4", "0.0867 USD to 0.224 USD"),
        (AVX2, "int8", "n4-standard-4", "0.128 USD to 0.358 USD"),
        # 0.5 x (0.05 + 0.95 x 76 / 616) to 0.5 x (0.05 + 0.95 x 148 / 191)
        (AVX512, "float32", "n4-standard-4", "0.0836 USD to 0.393 USD"),
        # 0.5 x (0.05 + 0.95 x 191 / 616) to 0.5 x (0.05 + 0.95 x 216 / 502)
        (ZEN4, "bfloat16", "c3-standard-4 or c4-standard-4", "0.172 USD to 0.229 USD"),
    ],
)
def test_a_machine_that_costs_less(
    has: list[str], precision: str, machines: str, costs: str
) -> None:
    found = cheaper_machine(ran(has, precision))
    assert found
    change, why = found
    assert change.startswith(f"Set machine_type to {machines};")
    assert "computed for 95.0% of the time" in why
    assert f"has no {'AMX' if has == ZEN4 else 'bfloat16'}, only {' '.join(has)}." in why
    assert f"now 0.5 USD, would then cost {costs}." in why
    assert change in [one.change for one in advice(ran(has, precision))]


@pytest.mark.parametrize(
    ("has", "precision"),
    [
        (XEON, "bfloat16"), (XEON, "int8"), (["neon_bf16", "neon_i8mm"], "bfloat16"),
        # Of a GPU, of a processor nobody measured, and of an older document.
        ([], "bfloat16"), ([], "float32"), (None, "float32"),
        # Not measured: int8 with VNNI, and whatever else a user asks for.
        (AVX512, "int8"), (ZEN4, "int8"), (AVX2, "bfloat16"), (AVX2, "float16"),
    ],
)  # fmt: skip
def test_no_machine_is_advised(has: list[str] | None, precision: str) -> None:
    assert cheaper_machine(ran(has, precision)) is None


def test_none_for_a_run_whose_machine_does_not_matter() -> None:
    tiny, idle, exact = ran(AVX2), ran(AVX2), ran(AVX2)
    tiny["derived"]["total_inference_secs"] = 59.0
    idle["workers"] = [one | {"forward_secs": 299.0} for one in idle["workers"]]
    exact["run"]["parameters"] = PARAMETERS | {"precision": "float32"}
    fallen_back = ran(AVX2, fallback="in bfloat16 the model fails")
    for document in (tiny, idle, exact, fallen_back, make_document()):
        assert cheaper_machine(document) is None
    assert busy_share(make_document()) is None


def test_on_this_machine_it_is_what_to_take_on_google_cloud() -> None:
    document = ran(AVX2)
    document["run"]["runner"] = "DirectRunner"
    document["cost"] = None
    found = cheaper_machine(document)
    assert found
    assert found[0].startswith("On Google Cloud take n4-standard-4, or")
    assert found[1].endswith("191 to 216 on AVX512-BF16, 502 to 616 on AMX in bfloat16.")


@given(st.sets(st.sampled_from(processor.INSTRUCTION_SETS)), st.sampled_from(["float32", "int8"]))
def test_whoever_has_bfloat16_is_not_sent_to_a_machine_for_it(
    has: set[str], precision: str
) -> None:
    found = cheaper_machine(ran(sorted(has), precision))
    if has & processor.BFLOAT16 or "avx2" not in has:
        assert found is None


def test_the_speeds_are_those_of_the_documents() -> None:
    text = " ".join((ROOT / "docs" / "workers.md").read_text().split())
    for speed in (*machine._ON_AVX2.values(), *machine._ON_AVX512.values()):
        assert re.search(rf"\| {speed.low:.0f} \|", text), speed
    for speed in (machine._ON_AVX512_BF16, machine._ON_AMX):
        assert f"| {speed.low:.0f} to {speed.high:.0f} |" in text, speed
