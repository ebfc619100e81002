"""Models that transformers' pipeline classifies with, whatever is unusual about them."""

import json
from pathlib import Path
from typing import Any

import pytest

from models_for_tests import GPT2, SMALL, XLNET, make
from runinference_metrics.__main__ import main


def through_the_door(folder: Path, output: Path, *arguments: str) -> int:
    return main(["model", str(folder), f"--output={output}", *arguments])


@pytest.mark.parametrize(
    ("kind", "config", "tokenizer"),
    [
        ("gpt2", GPT2, {"pad_token": None}),
        ("gpt2", GPT2 | {"pad_token_id": 0}, {"padding_side": "left"}),
        ("xlnet", XLNET, {"padding_side": "left"}),
        ("electra", SMALL | {"problem_type": "regression"}, {}),
        ("electra", SMALL | {"problem_type": "multi_label_classification"}, {}),
        # As they were written before there was a field for it.
        ("electra", SMALL | {"architectures": None}, {}),
    ],
)
def test_what_the_pipeline_takes_goes_through_the_door(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    config: dict[str, Any],
    tokenizer: dict[str, Any],
) -> None:
    folder = make(tmp_path / "m", kind, tokenizer, **config)
    if "architectures" in config:
        path = folder / "config.json"
        stated = json.loads(path.read_text())
        del stated["architectures"]
        path.write_text(json.dumps(stated))
    assert through_the_door(folder, tmp_path / "out") == 0, capsys.readouterr().err
    assert "compared with transformers" in capsys.readouterr().out


def test_labels_that_tell_nothing_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "m", "electra", {}, **SMALL)
    path = folder / "config.json"
    stated = json.loads(path.read_text()) | {"id2label": {"1": "bad", "2": "fair", "3": "good"}}
    path.write_text(json.dumps(stated))
    output = tmp_path / "out"
    assert through_the_door(folder, output) == 2
    step = "--label_names=0=bad,1=fair,2=good"
    said = capsys.readouterr().err
    assert said.startswith("error: SOURCE takes a model with a name for each label")
    assert step in said
    assert not output.exists()
    assert through_the_door(folder, output, step) == 0, capsys.readouterr().err
    made = json.loads((output / "config.json").read_text())
    assert made["id2label"] == {"0": "bad", "1": "fair", "2": "good"}
    assert made["label2id"] == {"bad": 0, "fair": 1, "good": 2}
    assert through_the_door(folder, tmp_path / "b", "--label_names=0=a,1=b") == 2
    assert (
        "--label_names takes a name for each of the 3 labels of this model; got a, b"
        in capsys.readouterr().err
    )
    assert through_the_door(folder, tmp_path / "b", f"--label_names={tmp_path}/none") == 2
    assert "No such file" in capsys.readouterr().err
