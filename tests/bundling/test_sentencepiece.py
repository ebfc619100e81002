"""Tokenizers of SentencePiece, trained on the spot, against sentencepiece itself."""

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from conftest import tell_texts_apart
from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.errors import UserError

WORDS = "good bad film the great story naïve école acting 日本 映画 хороший фильм 10 %".split()  # noqa: SIM905
SPECIAL = {"pad_id": 0, "unk_id": 3, "bos_id": 1, "eos_id": 2}
FAMILIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "xlm-roberta": ("sentencepiece.bpe.model", {}, {"pad_token_id": 1}),
    "camembert": ("sentencepiece.bpe.model", {}, {"pad_token_id": 1}),
    "albert": (
        "spiece.model",
        {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1,
         "control_symbols": "[CLS],[SEP],[MASK]"},
        {"embedding_size": 16, "pad_token_id": 0},
    ),
    "deberta-v2": (
        "spm.model",
        {**SPECIAL, "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]",
         "pad_piece": "[PAD]", "control_symbols": "[MASK]"},
        {"pad_token_id": 0},
    ),
}  # fmt: skip


def make(folder: Path, family: str) -> Path:
    """A small model of the family that has only the file of SentencePiece; returns that."""
    name, training, config = FAMILIES[family]
    folder.mkdir()
    chosen = random.Random(3)
    corpus = [" ".join(chosen.choices(WORDS, k=8)) for _ in range(300)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_prefix=str(folder / "made"), vocab_size=150,
        hard_vocab_limit=False, minloglevel=2, num_threads=1, **training,
    )  # fmt: skip
    (folder / "made.vocab").unlink()
    file = (folder / "made.model").rename(folder / name)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 64, "max_position_embeddings": 66}  # fmt: skip
    torch.manual_seed(5)
    made = AutoConfig.for_model(family, vocab_size=200, **sizes, **config)
    model = AutoModelForSequenceClassification.from_config(made)
    tell_texts_apart(model)
    model.save_pretrained(folder)
    return file


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tokenizer_json_is_made_of_it(tmp_path: Path, family: str) -> None:
    file = make(tmp_path / "source", family)
    said: list[str] = []
    bundled = bundle(str(tmp_path / "source"), tmp_path / "out", said.append)
    assert "tokenizer.json" in bundled.digests
    assert not list((tmp_path / "out").glob("*.model"))
    assert "the tokens of 300 texts are the same" in said[-1]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.is_fast
    own = sentencepiece.SentencePieceProcessor(model_file=str(file))
    for text in ("good film", "the great story 10 %", "фильм bad", "acting 日本 映画 bad"):
        assert tokenizer.tokenize(text) == own.encode(text, out_type=str)


def test_without_sentencepiece_its_install_is_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "source", "xlm-roberta")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda name: None if name == "sentencepiece" else find(name))  # fmt: skip
    with pytest.raises(UserError, match=r"not installed here: pip install sentencepiece==0\.2\.1$"):
        bundle(str(tmp_path / "source"), tmp_path / "out", print)
