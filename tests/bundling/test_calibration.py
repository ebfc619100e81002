"""A folder made with its ranges for 8 bits."""

import json
import shutil
from pathlib import Path

import bundles_for_tests
import pytest
import torch
from bundles_for_tests import digests, names
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from conftest import WORDS, make_model
from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.bundling.calibration_texts import MOST_BYTES, CalibrationTexts
from runinference_metrics.classifier import ranges
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES, ModelFolder

# Fixtures, here by their names.
said = bundles_for_tests.said
source = bundles_for_tests.source

TEXTS = CalibrationTexts(
    tuple(" ".join(WORDS[at % 7 : at % 7 + 1 + at % 11]) for at in range(100)), "reviews.txt"
)


def bundled(source: Path, output: Path, said: list[str], texts: CalibrationTexts | None) -> Path:
    bundle(str(source), output, said.append, calibration_texts=texts)
    return output


def test_ranges_are_found_recorded_and_used(source: Path, tmp_path: Path, said: list[str]) -> None:
    output = bundled(source, tmp_path / "out", said, TEXTS)
    assert said[-1].startswith("int8 by ranges of 90 texts (reviews.txt), 9 of 9 layers: of 10 o")
    assert said[-1].endswith("keep the label that they have in float32")
    recorded = json.loads((output / "digests.json").read_text())["files"]
    assert recorded[RANGES] == digests(output)[RANGES]
    assert recorded.keys() == names(output) - {"digests.json"}
    for path in (output, *output.iterdir()):
        assert path.stat().st_mtime == 315_532_800
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)
    effective = ClassifierSpec(str(output), precision="int8").load().effective
    assert effective.quantised == "ranges of 90 texts (reviews.txt), 9 of 9 layers"
    again = bundled(source, tmp_path / "again", said, TEXTS)
    assert digests(again) == digests(output)
    with (output / RANGES).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(UserError, match=r"int8.safetensors' with SHA-256 .*, recorded as"):
        ModelFolder.read(str(output)).check_digests()


def test_the_built_in_texts_will_do(source: Path, tmp_path: Path, said: list[str]) -> None:
    bundled(source, tmp_path / "out", said, CalibrationTexts.built_in())
    assert "built-in texts, 9 of 9 layers" in said[-1]


def test_a_layer_in_floating_point_is_named(
    source: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "MOST_ERROR", 0.0)
    bundled(source, tmp_path / "out", said, TEXTS)
    assert "(reviews.txt), 0 of 9 layers" in said[-1]
    (named,) = said[-1].split("; in floating point stay ")[1:]
    assert {"0.query_key_value", "1.query", "1.up"} < set(named.split(", "))


def test_ranges_of_the_source_come_along(source: Path, tmp_path: Path, said: list[str]) -> None:
    first = bundled(source, tmp_path / "first", said, TEXTS)
    second = bundled(first, tmp_path / "second", said, None)
    assert digests(second) == digests(first)
    # Unless they are found anew.
    third = bundled(first, tmp_path / "third", said, CalibrationTexts.built_in())
    assert digests(third)[RANGES] != digests(first)[RANGES]


def test_another_s_file_of_that_name_stays_behind(
    source: Path, tmp_path: Path, said: list[str]
) -> None:
    save_file({"a": torch.zeros(2)}, source / RANGES)
    assert RANGES not in names(bundled(source, tmp_path / "out", said, None))


def test_those_of_another_version_stay_behind(
    source: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bundled(source, tmp_path / "first", said, TEXTS)
    monkeypatch.setattr(ranges, "_VERSION", 2)
    assert RANGES not in names(bundled(first, tmp_path / "second", said, None))
    assert "is of another version of this program and is left out" in said[-1]


@pytest.mark.parametrize("how", ["damaged", "other weights"])
def test_what_does_not_fit_is_refused(
    source: Path, tmp_path: Path, said: list[str], how: str
) -> None:
    first = bundled(source, tmp_path / "first", said, TEXTS)
    shutil.copy(first / RANGES, source / RANGES)
    if how == "damaged":
        (source / RANGES).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    else:
        tensors = load_file(source / "model.safetensors")
        tensors["classifier.bias"] = tensors["classifier.bias"] + 1
        (source / "model.safetensors").unlink()
        save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError) as caught:
        bundled(source, tmp_path / "out", said, None)
    assert f"'{source}" in str(caught.value)
    assert "--calibrate=TEXTS` makes it anew" in str(caught.value)
    assert not (tmp_path / "out").exists()
    bundled(source, tmp_path / "out", said, TEXTS)


def test_a_refusal_leaves_nothing(tmp_path: Path, said: list[str]) -> None:
    folder = make_model(tmp_path / "source", "electra")
    with pytest.raises(UserError, match=r"^--calibrate takes a model of BERT's family"):
        bundled(folder, tmp_path / "out", said, TEXTS)
    few = CalibrationTexts(TEXTS.texts[:5], "few.txt")
    with pytest.raises(UserError, match=r"^--calibrate takes at least 20 texts .* 'few.txt' with"):
        bundled(make_model(tmp_path / "bert", "bert"), tmp_path / "out", said, few)
    assert names(tmp_path) == {"source", "bert"}


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=30))
def test_lines_are_texts(lines: list[str]) -> None:
    content = "\n".join(lines).encode()
    found = CalibrationTexts.of_file(content, "a.txt")
    assert list(found.texts) == [
        one.strip() for line in lines for one in line.splitlines() if one.strip()
    ]
    assert found.origin == "a.txt"


def test_of_a_big_file_the_start_is_taken() -> None:
    line = "é" * 2000 + "\n"
    start = (line * (MOST_BYTES // len(line)))[:MOST_BYTES].encode()[:MOST_BYTES]
    found = CalibrationTexts.of_file(start, "a.txt")
    assert found.texts == (line.strip(),) * 512
    with pytest.raises(UserError) as caught:
        CalibrationTexts.of_file(b"caf\xe9", "a.txt")
    assert str(caught.value).startswith(
        "--calibrate takes builtin, or a text file in UTF-8 that can be read, one text a line; "
        "got 'a.txt', which is no UTF-8 ("
    )
