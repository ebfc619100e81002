"""Runs over time: what is drawn, what stands in the tables, what is told to have changed."""

import re

import pytest

from histories_for_tests import make_history, make_run
from runinference_metrics.records.history import History, PastRun
from runinference_metrics.report import charts, trends
from runinference_metrics.report.charts import Point
from runinference_metrics.report.formats import percent
from runinference_metrics.report.history import Shown, over_runs
from runinference_metrics.report.history_table import print_history, render

MARKUP = "<script>alert(1)</script>"


def shown(*runs: PastRun) -> Shown:
    return over_runs(History(runs), "runs.jsonl")


def chart(found: Shown, title: str) -> dict:
    return next(one for one in found.charts if one["title"] == title)


def test_each_value_stands_in_the_table_of_its_chart() -> None:
    history = make_history(12)
    found = over_runs(history, "runs.jsonl")
    rows = chart(found, "accuracy")["rows"]
    assert [one["value"] for one in rows] == [
        percent(run.figures["accuracy"]) for run in history.runs
    ]
    assert [one["failed"] for one in rows] == [not run.ok for run in history.runs]
    assert [at for at, one in enumerate(rows) if one["changed"]] == [6]
    page = render(found)
    for one in rows:
        assert one["value"] in page
    assert found.answer == "12 runs from 2026-01-01 to 2026-01-12, 2 failed"


def test_the_newest_run_stands_beside_those_before() -> None:
    found = shown(*(make_run(at, {"accuracy": one}) for at, one in enumerate((0.5, 0.7, 0.9, 0.8))))
    cards = {one["label"]: one["value"] for one in found.cards}
    assert cards["accuracy; before 70.0%"] == "80.0%"
    assert [row.name for row in found.rows] == [f"nightly-{at}" for at in (3, 2, 1, 0)]
    (alone,) = (one for one in shown(make_run()).cards if one["label"].startswith("accuracy"))
    assert alone["label"] == "accuracy"


def test_a_figure_that_is_missing_leaves_a_gap() -> None:
    runs = [make_run(at) for at in range(5)]
    del runs[2].figures["accuracy"]
    found = chart(shown(*runs), "accuracy")
    assert found["missing"] == "1"
    assert found["rows"][2]["value"] == "-"
    (line,) = re.findall(r'class="line" d="([^"]+)"', found["svg"])
    assert re.sub("[^ML]", "", line) == "MLML"
    for run in runs:
        run.figures.pop("accuracy", None)
    assert all(one["title"] != "accuracy" for one in shown(*runs).charts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model_digests": ("sha256:1234567890abcdef",), "model": "m"},
            "model m sha256:123456789",
        ),
        ({"version": "9"}, "version 9"),
        ({"device_names": ("NVIDIA L4",)}, "device NVIDIA L4"),
        ({"precisions": ("float16", "int8")}, "precision float16, int8"),
        ({"labels": {"a": "b"}, "output": "elsewhere"}, ""),
        # A run that classified nothing knows of no device; none is new in the run after it.
        ({"device_names": (), "model_digests": (), "precisions": ()}, ""),
    ],
)
def test_what_changed_is_told_once(changes: dict, said: str) -> None:
    found = shown(make_run(0), make_run(1, **changes), make_run(2, **changes))
    newest, changed, first = (one.changed for one in found.rows)
    assert (newest, first) == ("", "")
    assert changed[: len(said)] == said
    assert bool(changed) == bool(said)
    back = shown(make_run(0), make_run(1, **changes), make_run(2)).rows[0].changed
    assert bool(back) == bool(said)


def test_costs_of_another_currency_are_no_cheaper() -> None:
    found = shown(make_run(0, {"cost": 9.0}, currency="EUR"), make_run(1, {"cost": 1.0}))
    assert "1 runs have costs in another currency than USD: left out." in found.remarks
    assert chart(found, "cost of a run")["rows"][0]["value"] == "-"
    assert chart(found, "cost of a run")["lowest"] == "1.00 USD"


def test_a_thousand_runs_share_points_and_lose_no_extreme() -> None:
    history = make_history(1000)
    found = over_runs(history, "runs.jsonl")
    one = chart(found, "accuracy")
    assert len(one["rows"]) <= trends.MOST_POINTS
    values = [run.figures["accuracy"] for run in history.runs]
    assert (one["lowest"], one["highest"]) == (percent(min(values)), percent(max(values)))
    assert min(row["low"] for row in one["rows"]) == percent(min(values))
    assert one["rows"][0]["when"] == "2026-01-01 02:30 to 2026-01-09 02:30 (9 runs)"
    assert any(remark.startswith("Up to 9 runs in a row share a point") for remark in found.remarks)
    page = render(found)
    assert "The newest 100; 900 older ones are in the file." in page
    assert len(page) < 1_000_000


def test_labels_over_time() -> None:
    runs = [make_run(at) for at in range(3)]
    for at, run in enumerate(runs):
        for name in [name for name in run.figures if name.startswith("share(")]:
            del run.figures[name]
        # One that no text got is not among a run's labels.
        shares = {"A": 0.5, "B": 0.2, "C": 0.1, "D": 0.1, "E": 0.05, "F (x)": 0.05}
        if at < 2:
            run.figures.update({f"share({name})": share for name, share in shares.items()})
    runs[1].figures.pop("share(C)")
    labels = shown(*runs).labels
    assert labels is not None
    assert labels["names"] == ["A", "B", "D", "C", "2 others"]
    assert [row["cells"] for row in labels["rows"]] == [
        ["50.0%", "20.0%", "10.0%", "10.0%", "10.0%"],
        ["50.0%", "20.0%", "10.0%", "0.0%", "10.0%"],
        ["-"] * 5,
    ]
    assert labels["svg"].count('class="f4"') == 2
    for run in runs:
        for name in [name for name in run.figures if name.startswith("share(")]:
            del run.figures[name]
    assert shown(*runs).labels is None


def test_a_trend_fills_its_height_unless_it_hardly_changes() -> None:
    def heights(*values: float) -> list[float]:
        svg = charts.trend([Point(one, one, one) for one in values])
        (line,) = re.findall(r'class="line" d="([^"]+)"', svg)
        return [float(one) for one in re.findall(r" ([\d.]+)", line)]

    assert heights(1, 2) == [190, 10]
    assert heights(-5, 5) == [190, 10]
    assert heights(0, 0) == [190, 190]
    steady = heights(1000, 1001)
    assert abs(steady[0] - steady[1]) < 3
    assert all(80 < one < 120 for one in steady)


def test_nothing_of_a_line_is_markup() -> None:
    run = make_run(
        0, {f"share({MARKUP})": 1.0}, job=MARKUP, labels={MARKUP: MARKUP}, failure=MARKUP, ok=False,
        model=MARKUP, version=MARKUP, currency=MARKUP, device_names=(MARKUP,), output=MARKUP,
    )  # fmt: skip
    page = render(over_runs(History((make_run(-1), run), 1, 3), MARKUP))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 8
    assert "1 line is no run&#39;s and is left out; the first is line 3." in page


@pytest.mark.parametrize("number_of_runs", [1, 2, 21])
def test_a_terminal_shows_the_newest(
    number_of_runs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_history(over_runs(make_history(number_of_runs), "runs.jsonl"), "runs.html")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert f"nightly-{number_of_runs - 1} " in out
    assert "USD/1M" in out
    assert "accuracy>=0.95" in out
    assert ("The newest 20; the page has more." in out) == (number_of_runs > 20)
    assert " ".join(out.split()).endswith("drawn in runs.html")
