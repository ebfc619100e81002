"""The walls of the house: who may import whom."""

import re
import shutil
from pathlib import Path

import pytest

import rooms
from conftest import ROOT

# Folders of tests that are no room's, and need more than the package.
OTHER_TESTS = {"container", "engines", "faults", "gpu", "hostile", "project", "template", "zoo"}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package, to break."""
    leave_out = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(rooms.SOURCE, tmp_path / "house", ignore=leave_out))


def test_no_import_crosses_a_wall() -> None:
    assert rooms.crossings() == []


def test_each_room_imports_only_rooms_above_it() -> None:
    above: list[str] = []
    for room, allowed in rooms.ROOMS.items():
        assert set(allowed) <= set(above), room
        above.append(room)


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("reading/files.py", "from runinference_metrics.writing.folder import in_folder",
         "reading imports writing, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "from runinference_metrics.writing import folder",
         "reading imports writing, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "import runinference_metrics.writing.folder",
         "reading imports writing, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "from ..writing import folder",
         "reading imports writing, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "from .. import pipeline",
         "reading imports pipeline, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "def late():\n    from runinference_metrics.commands import run",
         "reading imports commands, but may import only errors, redaction, bigquery, records"),
        ("errors.py", "from runinference_metrics.records import names",
         "errors imports records, but may import only errors, redaction"),
        ("pipeline.py", "from runinference_metrics import running",
         "pipeline imports running, but may import only errors, redaction, bigquery"),
        ("reading/files.py", "import importlib\n"
         "importlib.import_module('runinference_metrics.writing.folder')",
         "reading imports writing, but may import only errors, redaction, bigquery, records"),
        ("reading/files.py", "import runinference_metrics", "reading imports the whole package"),
        ("inference/handler.py", "from runinference_metrics.classifier.tokens import Tokens",
         "inference imports classifier.tokens, but classifier offers only calibrator, "),
        ("inference/handler.py", "from runinference_metrics.classifier import tokens",
         "inference imports classifier.tokens, but classifier offers only calibrator, "),
        ("recovery/blame.py", "import torch",
         "recovery imports torch, which only classifier, bundling may"),
        ("records/record.py", "from apache_beam.metrics import Metrics",
         "records imports apache_beam, which only options, reading"),
        ("reading/limits.py", "from runinference_metrics.reading.lines import Lines",
         "a circle: reading."),
        ("records/names.py", "from runinference_metrics.records import record",
         "a circle: records."),
        ("report/__init__.py", '__all__ = ["nothing"]', "offers nothing, which is not there"),
        ("report/__init__.py", '__all__ = ["charts"]',
         "report offers charts, which no other room uses"),
    ],
)  # fmt: skip
def test_a_crossing_is_named_with_its_line(house: Path, file: str, line: str, fault: str) -> None:
    path = house / file
    before = len(path.read_text().splitlines())
    with path.open("a") as module:
        module.write(f"\n{line}\n")
    found = rooms.crossings(house)
    assert any(fault in one for one in found), found
    if " imports " in fault:
        wanted = f"{file}:{before + 1 + len(line.splitlines())}: "
        assert any(one.startswith(wanted) for one in found), found


def test_a_room_that_is_not_in_the_table_is_named(house: Path) -> None:
    (house / "attic").mkdir()
    (house / "attic" / "__init__.py").write_text("")
    shutil.rmtree(house / "recovery")
    found = rooms.crossings(house)
    assert "attic is not in ROOMS of tools/rooms.py" in found
    assert "ROOMS has recovery, which is not there" in found


def test_the_tests_stand_in_the_same_rooms() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders - OTHER_TESTS == set(rooms.House(rooms.SOURCE).doors)


def test_a_room_says_what_it_is_for() -> None:
    house = rooms.House(rooms.SOURCE)
    for room in rooms.ROOMS:
        assert house.purpose(room).endswith("."), room
        assert f"{room}" in rooms.house_map()


def test_every_file_that_the_contributors_page_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`([\w./-]+/[\w.-]*|[\w.]+\.(?:py|toml|json|md|txt))`", text))
    assert {"reading/csv_rows.py", "classifier/token_budgets.py", "report/charts.py"} <= named
    for name in named:
        assert (ROOT / name).exists() or (rooms.SOURCE / name).exists(), name


def test_where_a_reader_would_look() -> None:
    """Where CSV is parsed, the token budget chosen, a chart drawn: files that their names tell."""
    for name, what in (
        ("reading/csv_reader.py", "csv.reader("),
        ("classifier/token_budgets.py", "AUTO_BATCH_TOKENS = {"),
        ("report/charts.py", "<svg"),
    ):
        holders = [
            str(file.relative_to(rooms.SOURCE))
            for file in rooms.SOURCE.rglob("*.py")
            if what in file.read_text()
        ]
        assert holders == [name]
