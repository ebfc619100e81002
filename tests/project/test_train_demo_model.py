import os
import subprocess
import sys
from pathlib import Path

import pytest

import train_demo_model as tool
from conftest import DEMO_MODEL, ROOT
from runinference_metrics.classifier.classifier import ClassifierSpec

SENTENCES = {
    "I loved this film, it's wonderful!": "POSITIVE",
    "A delightful, moving story.": "POSITIVE",
    "The acting was terrible.": "NEGATIVE",
    "A dull and boring waste of time.": "NEGATIVE",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    phrases = "".join(f"{n % 2}\tphrase number {n} of the film\n" for n in range(60))
    (folder / "train_phrases.tsv").write_text("label\tsentence\n" + phrases)
    # Labels that contradict each other: nothing can be right in more than half of them.
    (folder / "dev.tsv").write_text("a film\t0\na film\t1\n" * 10)
    return folder


def test_both_layouts_are_read(data: Path) -> None:
    train = tool.read_examples(data / "train_phrases.tsv", label_column=0, header=True)
    assert len(train) == 60
    assert train[1] == tool.Example("phrase number 1 of the film", 1)
    dev = tool.read_examples(data / "dev.tsv", label_column=1, header=False)
    assert dev[:2] == [tool.Example("a film", 0), tool.Example("a film", 1)]


def test_a_malformed_row_names_the_file_and_the_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (data / "dev.tsv").open("a") as stream:
        stream.write("no label here\n")
    assert tool.main([str(data)]) == 2
    err = capsys.readouterr().err
    assert "dev.tsv, line 21: expected a sentence and a label 0 or 1, got 'no label here" in err
    assert tool.main([str(data / "none")]) == 2
    assert "train_phrases.tsv is missing" in capsys.readouterr().err


def test_words_are_joined_as_people_write_them() -> None:
    assert tool.rejoin("it 's a film , and i do n't like it .") == (
        "it's a film, and i don't like it."
    )


TRAIN_A_TINY_MODEL = """
import hashlib, importlib.util, random, sys, torch
spec = importlib.util.spec_from_file_location("tool", sys.argv[1])
tool = sys.modules["tool"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
draw = random.Random(1)
# Many pieces are equally frequent: the vocabulary must not depend on how ties fall.
words = ["".join(draw.choices("abcdefgh", k=6)) for _ in range(400)]
examples = [tool.Example(" ".join(draw.sample(words, 9)), n % 2) for n in range(90)]
tokenizer = tool.train_tokenizer([e.text for e in examples], 120)
size = tokenizer.get_vocab_size()
recipe = tool.Recipe(vocabulary=size, epochs=1, width=32)
tool.prepare()
weights = tool.train(tokenizer, examples, recipe).state_dict()
digest = hashlib.sha256(tokenizer.to_str().encode())
for name in sorted(weights):
    digest.update(weights[name].numpy().tobytes())
print(digest.hexdigest())
"""


@pytest.mark.starts
def test_two_runs_give_the_same_model() -> None:
    command = [sys.executable, "-c", TRAIN_A_TINY_MODEL, str(ROOT / "tools/train_demo_model.py")]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        for _ in range(2)
    ]
    assert len(set(outputs)) == 1, outputs


def test_a_model_below_the_bar_is_not_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "models" / "demo"
    output.mkdir(parents=True)
    (output / "old").write_text("stays")
    assert tool.main([str(data), "--output", str(output), "--epochs=1"]) == 1
    assert "Not written: accuracy 0.5000 on dev.tsv is below 0.80." in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["old"]
    assert [path.name for path in output.parent.iterdir()] == ["demo"]


def test_the_model_that_is_shipped() -> None:
    files = {path.name: path.stat().st_size for path in DEMO_MODEL.iterdir()}
    assert set(files) == {
        "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert sum(files.values()) <= 6_000_000
    found = ClassifierSpec(str(DEMO_MODEL)).load().classify(list(SENTENCES))
    assert [found.label_names[w] for w in found.winners if w is not None] == list(
        SENTENCES.values()
    )


@pytest.mark.skipif(
    "SST2_FOLDER" not in os.environ, reason="SST2_FOLDER (the folder with dev.tsv) is not set"
)
def test_the_accuracy_that_the_model_card_states() -> None:
    dev = tool.read_examples(Path(os.environ["SST2_FOLDER"]) / "dev.tsv", 1, header=False)
    reached = tool.accuracy(DEMO_MODEL, dev)
    assert reached >= 0.80
    assert f"{reached:.4f}" in (DEMO_MODEL / "README.md").read_text()
