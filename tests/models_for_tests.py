"""Small random models of any architecture; those of conftest are of BERT's family."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from conftest import tell_texts_apart, write_tokenizer

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 64, "max_position_embeddings": 64}  # fmt: skip
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
        "eos_token_id": 3, "bos_token_id": 2}  # fmt: skip
XLNET = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}


def make(folder: Path, kind: str, tokenizer: dict[str, Any] | None = None, **config: Any) -> Path:
    """A random model; `tokenizer` changes its tokenizer_config.json, None takes a key out."""
    torch.manual_seed(7)
    vocabulary = write_tokenizer(folder, type_ids=False)
    made = AutoConfig.for_model(kind, vocab_size=vocabulary, num_labels=3, **config)
    model = AutoModelForSequenceClassification.from_config(made)
    tell_texts_apart(model)
    model.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    stated = json.loads(path.read_text()) | (tokenizer or {})
    kept = {name: value for name, value in stated.items() if value is not None}
    path.write_text(json.dumps(kept))
    return folder
