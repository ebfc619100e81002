"""CHANGELOG.md keeps to the form of Keep a Changelog 1.1.0, and to the package's version."""

import datetime
import re

from conftest import ROOT
from runinference_metrics import __version__

LINES = (ROOT / "CHANGELOG.md").read_text().splitlines()
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
VERSIONS = [line for line in LINES if line.startswith("## ")]
NUMBERED = [line for line in VERSIONS if line != "## [Unreleased]"]


def test_the_newest_version_is_the_packages() -> None:
    assert NUMBERED[0].startswith(f"## [{__version__}] - "), "CHANGELOG.md is not __version__'s"


def test_versions_have_numbers_and_days_newest_first() -> None:
    assert LINES[0] == "# Changelog"
    assert VERSIONS.count("## [Unreleased]") <= 1
    assert VERSIONS[1:] == NUMBERED[1:] or VERSIONS[1:] == NUMBERED, "[Unreleased] is not on top"
    found = []
    for line in NUMBERED:
        match = re.fullmatch(r"## \[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", line)
        assert match, line
        found.append((tuple(map(int, match.groups()[:3])), datetime.date.fromisoformat(match[4])))
    assert found == sorted(found, reverse=True)
    assert len({version for version, _ in found}) == len(found)


def test_changes_stand_in_sections_that_have_a_name_and_are_there_once() -> None:
    section, seen = "", set[str]()
    filled = True
    for line in LINES:
        if line.startswith("#") and not line.startswith("# "):
            assert filled, f"{section} is empty"
            section = line
            filled = not line.startswith("### ")
        if line.startswith("## "):
            seen = set()
        elif line.startswith("### "):
            name = line.removeprefix("### ")
            assert name in SECTIONS, line
            assert name not in seen, f"{name} is there twice"
            seen.add(name)
        elif line.startswith("- "):
            assert section.startswith("### "), f"stands in no section: {line}"
            filled = True
        assert not line.startswith("####"), line
    assert filled, f"{section} is empty"
