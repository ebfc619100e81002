"""The report as a reader's browser shows it."""

import os
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from dataflow_for_tests import job_document
from documents_for_tests import PARAMETERS, PRICES, make_document, make_quality
from histories_for_tests import make_history
from runinference_metrics.report import comparison, comparison_table, history_table
from runinference_metrics.report.advice import advice
from runinference_metrics.report.formats import duration, money, number, size
from runinference_metrics.report.history import over_runs
from runinference_metrics.report.page import answer, render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
    "google-chrome"
)  # fmt: skip
MARKUP = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
HOSTILE = make_document(
    batches=12,
    label=MARKUP,
    dead_letters=[MARKUP, "'\"><svg onload=alert(1)>"],
    parameters=PARAMETERS | {"input": [MARKUP, "a&b.txt"], "model": "</style>" + MARKUP},
    prices=PRICES,
)
HOSTILE["run"] |= {"job": MARKUP, "runner": MARKUP, "version": MARKUP}
HOSTILE["workers"][0] |= {"host": MARKUP, "device_name": MARKUP}
HOSTILE["quality"] = make_quality([MARKUP, "'\"><svg onload=alert(1)>"], text=MARKUP)
HOSTILE["certainty"]["least"][0] |= {"text": [MARKUP, MARKUP], "source": MARKUP}
HOSTILE["thresholds"] = [
    {"threshold": f"f1({MARKUP})>0.5", "value": None, "passed": False, "warns": False}
]
JUDGED = make_document(batches=12)
JUDGED["quality"] = make_quality(["NEGATIVE", "POSITIVE"])
JUDGED["thresholds"] = [
    {"threshold": "accuracy>=0.9", "value": 0.8765432, "passed": False, "warns": False},
    {"threshold": "wall_secs<90", "value": 12345678.9, "passed": False, "warns": True},
    {"threshold": "failure_rate<0.01", "value": 0.0, "passed": True, "warns": False},
]
MANY_LABELS = make_document(batches=12)
MANY_LABELS["quality"] = make_quality([f"a label with a longer name {at}" for at in range(150)])
SAID = [
    f"Error message from worker: Traceback (most recent call last):\n  {'File a/path.py, ' * 60}\n"
    "OSError: [Errno 28] No space left on device",
    "gs://a-bucket/" + "without-a-place-to-break/" * 12, "Workflow failed.", MARKUP,
    "QUOTA_EXCEEDED: Quota 'NVIDIA_L4_GPUS' exceeded. Limit: 1.0 in region us-central1.",
]  # fmt: skip
DOCUMENTS = {
    "a Dataflow job": job_document([1, 2, 5, 3, 0], SAID),
    "a Dataflow job that said nothing": job_document(),
    "no texts": make_document(),
    "all dead": make_document(dead_letters=["malformed_json"] * 40),
    "one batch": make_document(batches=1),
    "many batches": make_document(batches=2000, prices=PRICES, dead_letters=["a"] * 9),
    "hostile": HOSTILE,
    "right labels": JUDGED,
    "many labels": MANY_LABELS,
}


class Tags(HTMLParser):
    """The tags of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_of_the_data_is_markup(name: str) -> None:
    found = Tags(render(DOCUMENTS[name]))
    assert not {"script", "img", "iframe", "object", "a"} & set(found.tags)
    assert "onload" not in found.attributes
    assert not {one for one in found.attributes if one.startswith("on")}
    assert found.tags.count("style") == 1
    if name == "hostile":
        assert found.text.count(MARKUP) >= 6


def test_the_answer_is_at_the_top() -> None:
    document = make_document(batches=40, prices=PRICES)
    found = answer(document)
    texts = document["runinference"]["num_inferences"]
    assert found.startswith(f"{texts:,} texts in ")
    assert f"{number(document['derived']['texts_per_wall_sec'])} texts/s on CPU Some CPU" in found
    assert found.endswith(" USD per million texts")


def test_tables_carry_the_numbers_behind_every_chart() -> None:
    document = make_document(batches=40)
    text = Tags(render(document)).text
    bars = document["runinference"]["inference_batch_latency_micro_secs"]["histogram"]
    for bar in bars:
        assert duration(bar["from"] / 1e6) in text
    for point in document["timeline"]["points"]:
        assert f"{point['texts']:,}" in text


def test_what_is_right_stands_before_what_is_fast() -> None:
    text = " ".join(Tags(render(JUDGED)).text.split())
    found = JUDGED["quality"]
    said = (
        "Whether it is good enough", "accuracy>=0.9", "How right the labels are",
        f"{found['accuracy']:.1%} of 1,000 texts have the right label; not counted: 3 without a "
        "right label and 2 with one that the model has not ('not NEGATIVE').",
        "Confusion", "Whether scores can be believed", "The surest mistakes", "Labels",
        "The least certain texts", "Over time",
    )  # fmt: skip
    places = [text.index(one) for one in said]
    assert places == sorted(places)
    for one in found["wrong"][:10]:
        assert f"a.txt, line {one['position']:,}" in text
    assert "accuracy" in text[: places[0]]
    many = " ".join(Tags(render(MANY_LABELS)).text.split())
    assert "The commonest confusions" in many
    assert "50 more labels are in metrics.json." in many
    assert "Confusion A row" not in many


def test_what_labels_say_is_advised_on() -> None:
    assert "label_names" in changes(JUDGED)
    swapped = make_document(batches=12)
    swapped["quality"] = make_quality(["a", "b"]) | {"unknown": 0, "accuracy": 0.2}
    assert "are in the rows' order" in changes(swapped)
    sure = make_document(batches=12)
    sure["quality"] = make_quality(["a", "b"]) | {"unknown": 0}
    sure["quality"]["calibration"]["expected_error"] = 0.3
    assert "Choose thresholds by the share that is right" in changes(sure)
    few = make_document(batches=12)
    few["quality"] = make_quality(["a", "b"], texts=10) | {"unknown": 0}
    assert changes(few) == changes(make_document(batches=12))


def changes(document: dict[str, Any]) -> str:
    return " ".join(one.change for one in advice(document))


def test_advice_says_what_to_change() -> None:
    assert "min_batch_size (now 64)" in changes(make_document(batches=40, texts=20))
    assert "dead letters" in changes(make_document(batches=9, texts=10, dead_letters=["a"] * 9))
    assert "max_length" in changes(make_document(batches=9, texts=100))
    assert "reading, writing" in changes(make_document(batches=40, texts=500))
    assert changes(make_document(batches=1, texts=10)) == ""
    assert "files' names" in changes(make_document())
    padded = make_document(batches=40, texts=512)
    padded["tokens"]["padding_share"] = 0.4
    assert "Raise max_batch_size" in changes(padded)
    # Batches that are not full are the cause: one piece of advice, not two that disagree.
    unfilled = make_document(batches=40, texts=20)
    unfilled["tokens"]["padding_share"] = 0.4
    assert "Raise max_batch_size" not in changes(unfilled)
    slow = make_document(batches=40, texts=512)
    slow["run"]["wall_secs"] = 1.0
    assert "fewer processes" in changes(slow)
    one_sided = make_document(batches=40, texts=512)
    one_sided["workers"][0]["texts"] *= 100
    assert "smaller files" in changes(one_sided)
    stages = make_document(batches=40, texts=512)
    latency = stages["runinference"]["inference_batch_latency_micro_secs"]["sum"]
    stages["stages"]["tokenize_micro_secs"]["sum"] = latency // 2
    assert "more CPU" in changes(stages)


def test_faults_are_shown_and_advised_on() -> None:
    document = make_document(batches=9, texts=512)
    for name in ("reclassifications", "timeouts", "out_of_memory_retries"):
        document["faults"][name] = 0
    document["faults"]["lowest_batch_tokens"] = None
    document["runinference"]["failed_batches_counter"] = 0
    assert "Faults that were overcome" not in render(document)
    assert "max_batch_tokens" not in changes(document)
    assert "inference_timeout_secs" not in changes(document)
    document["faults"] |= {
        "reclassifications": 1234, "out_of_memory_retries": 7, "lowest_batch_tokens": 511,
        "timeouts": 3,
    }  # fmt: skip
    found = Tags(render(document)).text
    assert "Faults that were overcome" in found
    assert "1,234" in found
    assert "Lower max_batch_tokens (now 1,024) to 511." in changes(document)
    assert "Raise inference_timeout_secs (now 0)" in changes(document)


def test_figures_read_well() -> None:
    assert [duration(one) for one in (None, 0.0000005, 0.0123, 1.5, 90, 600, 9000)] == [
        "-", "0.5 µs", "12.3 ms", "1.5 s", "90 s", "10.0 min", "2.5 h",
    ]  # fmt: skip
    assert [size(one) for one in (None, 12, 2048, 3 * 2**20, 5 * 2**40)] == [
        "-", "12 B", "2 KiB", "3 MiB", "5,120 GiB",
    ]  # fmt: skip
    assert [money(one, "USD") for one in (0.00012345, 12.345)] == ["0.000123 USD", "12.35 USD"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("CI must have Chromium: the report is tested in a real browser")
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--no-first-run"],
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 360])
@pytest.mark.parametrize("name", [*DOCUMENTS, "comparison", "12 runs"])
def test_a_browser_shows_it(
    browser: Any, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    page_file = tmp_path / "report.html"
    if name == "comparison":
        found = comparison.compare([HOSTILE, DOCUMENTS["no texts"]], "ab")
        content = comparison_table.render(found)
    else:
        content = HISTORIES.get(name) or render(DOCUMENTS[name])
    page_file.write_text(content)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    assert messages == []
    assert requests == [page_file.as_uri()]
    assert page.title() != "taken"
    # Nothing is wider than the screen, and text can be told from its background.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert _contrast(*colours) > 7
    assert (_lightness(colours[1]) < 0.5) == (scheme == "dark")
    if name in DOCUMENTS:
        texts = DOCUMENTS[name]["runinference"]["num_inferences"]
        assert page.locator(".answer").inner_text().startswith(f"{texts:,} texts")
    if name == "many batches":
        box = page.locator("figure:not(.small) svg").first.bounding_box()
        assert box["width"] > 0.7 * width
        assert box["height"] > 100
    context.close()


SIZES = {
    "1 text": make_document(batches=1, texts=1),
    "48 texts": make_document(batches=1, texts=48, prices=PRICES),
    "100,000 texts": make_document(
        batches=200, texts=512, prices=PRICES, dead_letters=["malformed_json"] * 40
    ),
    "10 million texts": make_document(batches=20_000, texts=512, prices=PRICES),
}
SIZES |= {
    "a job": job_document([1, 2, 5, 3, 0], SAID),
    "a job of one worker": job_document([1], SAID[:1]),
    "a job of many workers": job_document([at % 97 for at in range(500)], SAID * 9),
    "a job that said nothing": job_document(),
}
SIZES["48 texts"]["quality"] = make_quality(["NEGATIVE", "POSITIVE"], texts=48)
SIZES["100,000 texts"]["quality"] = make_quality(["NEGATIVE", "POSITIVE"])
SIZES["10 million texts"]["quality"] = make_quality([f"a longer name {at}" for at in range(60)])
HISTORIES = {
    f"{number:,} runs": history_table.render(over_runs(make_history(number), "gs://b/a/runs.jsonl"))
    for number in (1, 2, 12, 1000)
}
FAULTS_OF_LAYOUT = (ROOT / "tests" / "report" / "faults_of_layout.js").read_text()


@pytest.mark.parametrize("width", [400, 800, 1400])
@pytest.mark.parametrize("size", [*SIZES, *HISTORIES])
def test_nothing_is_cut_or_empty(browser: Any, tmp_path: Path, size: str, width: int) -> None:
    page_file = tmp_path / "report.html"
    page_file.write_text(HISTORIES.get(size) or render(SIZES[size]))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(page_file.as_uri())
    assert page.evaluate(FAULTS_OF_LAYOUT) == []
    # Also with all numbers unfolded.
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate(FAULTS_OF_LAYOUT) == []
    page.close()


def test_the_faults_of_a_layout_are_found(browser: Any) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.set_content(
        "<style>td { overflow-wrap: anywhere } i { display: block }</style><figure>none</figure>"
        "<table style='width: 60px; table-layout: fixed'><tr><td>unbreakable<td>x</table>"
        "<p style='width: 900px'>wide</p><h3>over</h3><p style='margin-top: -35px'>under</p>"
        "<b style='display: block; width: 20px; overflow: hidden'>letters</b>"
    )
    kinds = {one.split(":")[0] for one in page.evaluate(FAULTS_OF_LAYOUT)}
    assert kinds == {
        "wider than the screen", "cut", "empty frame", "broken word", "over each other"
    }  # fmt: skip
    page.close()


def _lightness(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_lightness(one), _lightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_print_shows_the_tables_too(browser: Any, tmp_path: Path) -> None:
    page_file = tmp_path / "report.html"
    page_file.write_text(render(DOCUMENTS["one batch"]))
    page = browser.new_page()
    page.goto(page_file.as_uri())
    cell = page.get_by_text("from the start").first
    assert not cell.is_visible()
    page.emulate_media(media="print")
    assert cell.is_visible()
    assert page.pdf()[:4] == b"%PDF"
    page_file.write_text(HISTORIES["12 runs"])
    page.goto(page_file.as_uri())
    assert page.get_by_text("2026-01-01 02:30").first.is_visible()
    page.close()
