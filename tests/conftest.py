"""Small models made on the spot, and a way to run the program as a user does."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
)

try:
    from hypothesis import settings
except ImportError:
    # The tests in gpu/ need no more than pytest, torch and transformers.
    pass
else:
    # A busy machine makes any single example slow; a hang is pytest-timeout's to find.
    settings.register_profile("project", deadline=None)
    settings.load_profile("project")

# pytest's two processes with two threads each would wait for each other at every product of these
# small models: ten times the processor time was seen. What a test starts has it from here.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent
# What a test that asks for one of these starts: the program, or a browser.
STARTING_FIXTURES = {"program", "browser"}
DEMO_MODEL = ROOT / "models" / "demo"
WORDS = (
    "good bad film the a is was not very , . ! fine dull great poor story acting i it".split()  # noqa: SIM905
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if STARTING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.starts)
    _longest_first(items)


def _longest_first(items: list[pytest.Item]) -> None:
    """Sorts by file, those with the most starts first.

    pytest's two processes take a file at a time, and what starts takes a hundred times as long as
    other tests: a file of it that comes last leaves one of them idle for minutes.
    """
    starts = Counter(item.path for item in items if item.get_closest_marker("starts"))
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (-starts[item.path], -tests[item.path], item.path))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Also after a test in which the program has chosen."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _starts_only_what_is_marked(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds the marker `starts` true: by it `make check` leaves out what takes long."""
    if request.node.get_closest_marker("starts"):
        return
    start = subprocess.Popen.__init__

    def checked(self: Any, command: Any, *rest: Any, **named: Any) -> None:
        program = command if isinstance(command, str) else str(command[0])
        if "python" in program:
            pytest.fail(f"starts {program}: mark the test with pytest.mark.starts")
        start(self, command, *rest, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", checked)


def write_tokenizer(folder: Path, type_ids: bool) -> int:
    """Writes a word-level tokenizer with BERT's frame; returns the size of its vocabulary."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if type_ids else [])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=names,
    ).save_pretrained(folder)
    return len(vocabulary)


def tell_texts_apart(model: Any) -> None:
    """Enlarges fresh weights, which are so small that all texts score alike."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)


def make_model(folder: Path, architecture: str, **config: Any) -> Path:
    """A random classifier with clearly different scores for different texts."""
    torch.manual_seed(7)
    vocabulary = write_tokenizer(folder, type_ids=architecture == "bert")
    labels = config.pop("labels", ("NEGATIVE", "NEUTRAL", "POSITIVE"))
    config["id2label"] = dict(enumerate(labels))
    config["label2id"] = {name: index for index, name in enumerate(labels)}
    if architecture == "bert":
        model: Any = BertForSequenceClassification(
            BertConfig(
                vocab_size=vocabulary,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                max_position_embeddings=64,
                **config,
            )
        )
    elif architecture in ("roberta", "xlm-roberta", "camembert", "electra"):
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "intermediate_size": 64, "max_position_embeddings": 66}  # fmt: skip
        made = AutoConfig.for_model(architecture, vocab_size=vocabulary, pad_token_id=0, **sizes,
                                    **config)  # fmt: skip
        model = AutoModelForSequenceClassification.from_config(made)
    else:
        model = DistilBertForSequenceClassification(
            DistilBertConfig(
                vocab_size=vocabulary,
                dim=32,
                hidden_dim=64,
                n_layers=2,
                n_heads=4,
                max_position_embeddings=64,
                **config,
            )
        )
    tell_texts_apart(model)
    model.save_pretrained(folder)
    return folder


def two_shards(folder: Path) -> None:
    """Cuts a model's weights in two files with an index, as transformers writes large ones."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:5],
             "model-00002-of-00002.safetensors": names[5:]}  # fmt: skip
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file, metadata={"format": "pt"})
    weight_map = {name: file for file, part in parts.items() for name in part}
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.fixture(scope="session")
def distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "distilbert", "distilbert")


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "bert", "bert")


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """Sentences of every length up to beyond the small models' 64 tokens."""
    return [
        " ".join(WORDS[(start + step * step) % len(WORDS)] for step in range(length))
        for length in range(1, 80)
        for start in (0, 3, 11)
    ]


@dataclass(frozen=True)
class Ran:
    """A finished run of the program."""

    code: int
    out: str
    err: str
    folder: Path

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The rows of `predictions` or `dead_letters`, of all shards."""
        shards = sorted(self.folder.glob(f"{name}-*.jsonl"))
        return [json.loads(line) for s in shards for line in s.read_bytes().splitlines()]

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.folder / "metrics.json").read_text())


class Program:
    """Runs the program in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, command: tuple[str, ...] = (), output: str = "out") -> Ran:
        start = command or ("-m", "runinference_metrics", "run")
        folder = self.folder / output
        done = subprocess.run(
            [sys.executable, *start, f"--output={folder}", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "80"},
            timeout=240,
        )
        return Ran(done.returncode, done.stdout, done.stderr, folder)


def engine_path(variable: str) -> Path | None:
    """Somebody else's program, BEAM_BOOT, BEAM_PRISM or BQEMULATOR, where somebody has it.

    CONTRIBUTING.md says how to get them. CI has them, and there a missing one fails.
    """
    path = os.environ.get(variable)
    if not path:
        return None
    if not os.access(path, os.X_OK):
        pytest.fail(f"{variable} is {path}, which is no program")
    return Path(path)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)
