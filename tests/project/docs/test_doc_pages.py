"""The documents hold together: links, the index, and what the program writes of them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from pages_for_tests import GUIDES, KINDS, PAGES, link_faults, page, parse

from conftest import ROOT
from runinference_metrics.classifier.driver import needed_driver
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS, from_table
from runinference_metrics.dataflow.machines import REGIONS
from runinference_metrics.options import parameters_page
from runinference_metrics.options.accelerators import ACCELERATORS
from runinference_metrics.options.parameters import PARAMETERS
from runinference_metrics.records.processor import AMX_MACHINES, BFLOAT16_MACHINE
from write_docs import DOCUMENTS, Document

DOCKERFILE = (ROOT / "Dockerfile").read_text()
MOST_LINES = 150
MOST_PICTURE_BYTES = 200_000
WIDTH = 105


def test_the_readme_is_read_in_ten_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    assert link_faults(name, page(name)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](docs/nothing.md)", "docs/nothing.md: there is no such file"),
        ("![a](docs/nothing.png)", "docs/nothing.png: there is no such file"),
        ("[a](docs/limits.md#nothing)", "docs/limits.md#nothing: there is no such heading"),
        ("# One\n[a](#two)", "#two: there is no such heading"),
        ("[a](LICENSE#two)", "LICENSE#two: only a page has headings"),
        ("[a](../x)", "../x leads out of the project"),
        ("| a |\n| --- |\n| [b](c) |", "c: there is no such file"),
    ],
)
def test_a_broken_link_is_found(text: str, fault: str) -> None:
    assert link_faults("README.md", parse(text)) == [fault]


def test_anchors_are_githubs() -> None:
    found = parse("# A `b_c`: d, e-f!\n## Same\n## Same\n[x](#same-1)\n")
    assert found.anchors == {"a-b_c-d-e-f", "same", "same-1"}
    assert link_faults("README.md", found) == []


def test_git_has_what_the_documents_show() -> None:
    # A file that lies there and was never added would be missing for everybody else.
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no clone")
    tracked = set(done.stdout.splitlines())
    for name in PAGES:
        for target in page(name).targets:
            file = ((ROOT / name).parent / target.partition("#")[0]).resolve()
            if ":" not in target and file.is_file():
                assert str(file.relative_to(ROOT)) in tracked, f"{name}: {target}"


def test_the_readme_links_every_page() -> None:
    linked = {target.partition("#")[0] for target in page("README.md").targets}
    assert set(GUIDES) - {"README.md"} <= linked


@pytest.mark.parametrize("name", GUIDES)
def test_every_block_says_what_it_is(name: str) -> None:
    # A block without a kind would keep its commands from the tests.
    assert {block.kind for block in page(name).blocks} <= KINDS
    assert not [one.content for one in MarkdownIt("commonmark").parse((ROOT / name).read_text())
                if one.type == "code_block"]  # fmt: skip


@pytest.mark.parametrize("name", GUIDES)
def test_lines_are_short(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [one for one in lines if len(one) > WIDTH and not one.startswith("|")] == []


def test_the_picture_loads_quickly() -> None:
    assert (ROOT / "docs" / "report.png").stat().st_size < MOST_PICTURE_BYTES


@pytest.mark.parametrize("document", DOCUMENTS, ids=[one.path for one in DOCUMENTS])
def test_what_a_command_writes_is_as_it_writes_it(document: Document) -> None:
    assert (ROOT / document.path).read_text() == document.text(), "run `make docs`"


def test_every_parameter_is_on_its_page_in_its_own_words() -> None:
    tokens = MarkdownIt("commonmark").parse(parameters_page.page())
    plain = " ".join(
        " ".join(child.content or " " for child in token.children or [])
        for token in tokens if token.type == "inline"
    )  # fmt: skip
    words = " ".join(plain.split())
    for one in PARAMETERS:
        assert one.name in parse(parameters_page.page()).anchors
        assert " ".join(one.help.split()) in words, one.name
        assert f"Takes {one.takes}." in words, one.name
    assert words.count("Only with device=GPU") == sum(bool(one.shown_with) for one in PARAMETERS)


def test_a_part_of_a_document_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x\n<!-- begin map -->\nold\n<!-- end map -->\ny\n")
    document = Document("a.md", lambda: "new\n", "map")
    assert document.text(tmp_path) == "x\n<!-- begin map -->\nnew\n<!-- end map -->\ny\n"
    for text in ("x\n", "<!-- end map -->\n<!-- begin map -->\n", "<!-- begin map -->\n"):
        (tmp_path / "a.md").write_text(text)
        with pytest.raises(ValueError, match=r"a\.md needs the lines"):
            document.text(tmp_path)


def test_token_budgets_are_those_of_the_program() -> None:
    text = " ".join((ROOT / "docs" / "workers.md").read_text().split())
    exact, bfloat16, int8 = (
        from_table("CPU", precision, ()) for precision in ("float32", "bfloat16", "int8")
    )
    assert int8 == bfloat16
    assert (
        f"on a CPU {exact:,} in float32, {bfloat16:,} in bfloat16 "
        f"({from_table('CPU', 'bfloat16', ['amx_bf16']):,} with AMX) and int8, "
        f"and on a GPU {AUTO_BATCH_TOKENS['GPU', 'float16']:,}"
    ) in text


def test_accelerators_are_those_of_the_program() -> None:
    text = (ROOT / "docs" / "workers.md").read_text()
    rows = re.findall(r"^\| `(nvidia-[\w-]+)` \| `([\w-]+)` \| (\d+\.\d) \|", text, re.MULTILINE)
    assert rows == [
        (one.name, one.machine_type, "{}.{}".format(*one.capability))
        for one in ACCELERATORS.values()
    ]


def test_the_regions_of_cpu_machines_are_those_of_the_program() -> None:
    text = (ROOT / "docs" / "workers.md").read_text()
    named = re.findall(r"`([\w-]+)`", " ".join(re.findall(r"^> (.*)$", text, re.MULTILINE)))
    assert named == sorted(REGIONS)
    assert f"CPU workers are `{BFLOAT16_MACHINE}`" in text
    for name in AMX_MACHINES:
        assert re.search(
            rf"^\| {name.partition('-')[0].upper()} \|.*`amx_bf16`", text, re.MULTILINE
        )


@pytest.mark.parametrize(("flavour", "cuda"), [("cuda", "13.0"), ("cuda126", "12.6")])
def test_drivers_are_those_of_the_program(flavour: str, cuda: str) -> None:
    text = (ROOT / "docs" / "workers.md").read_text()
    (row,) = re.findall(rf"^\| `{flavour}`[^|]*\| {cuda} \| (\S+) or newer", text, re.MULTILINE)
    assert row == needed_driver(cuda)
    base = re.search(rf"^FROM .*?:-(\S+)\}} AS base-{flavour}$", DOCKERFILE, re.MULTILINE)
    assert base
    assert f"`{base[1]}`" in (ROOT / "docs" / "launching.md").read_text()


def test_nothing_names_a_place_of_one_machine() -> None:
    home = os.path.expanduser("~")
    for name in PAGES:
        text = (ROOT / name).read_text()
        assert str(ROOT) not in text
        assert f"{home}/" not in text
