"""A model's tokenizer as tokenizer.json: copied, or made of its vocabulary by transformers."""

import importlib.util
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runinference_metrics.bundling.parts import (
    TAKES,
    TOKENIZER,
    TOKENIZER_SETTINGS,
    Parts,
    is_vocabulary,
    listed,
    no_vocabulary,
)
from runinference_metrics.errors import UserError, first_line

# The vocabularies that transformers finds under these names whatever a class asks for.
_ANY_CLASS = re.compile(r"tekken\.json|tokenizer\.model.*|tiktoken\.model")
# As requirements-convert.txt has it; 0.2.3 wants a newer protobuf than Beam takes.
SENTENCEPIECE = "sentencepiece==0.2.1"


def write(source: str, parts: Parts, folder: Path, output: Path) -> None:
    """Writes the tokenizer of `folder` to `output`, with its tokenizer.json.

    Args:
        source: what the source is called, for the errors.
        parts: the names of its files.
        folder: where they are.
        output: where to; it has the model's config.json.

    Raises:
        UserError: there is no vocabulary, or none of which a tokenizer.json can be made.
    """
    if TOKENIZER in parts.tokenizer:
        for name in (TOKENIZER, *TOKENIZER_SETTINGS):
            if name in parts.tokenizer:
                shutil.copyfile((folder / name).resolve(), output / name)
        return
    pieces = [name for name in parts.tokenizer if name.endswith(".model")]
    if pieces and importlib.util.find_spec("sentencepiece") is None:
        got = (f"{source!r}, whose {pieces[0]} only sentencepiece can read, which is not installed "
               f"here: pip install {SENTENCEPIECE}")  # fmt: skip
        raise UserError("model", TAKES, got)
    tokenizer = load(source, folder)
    _check_vocabulary(source, parts, type(tokenizer).vocab_files_names)
    if not getattr(tokenizer, "is_fast", False):
        got = (f"{source!r}, whose tokenizer, {type(tokenizer).__name__}, is Python code of "
               "transformers': no tokenizer.json can be made of it; name another")  # fmt: skip
        raise UserError("model", TAKES, got)
    tokenizer.save_pretrained(str(output))


def load(source: str, folder: Path) -> Any:
    """transformers' own tokenizer of a folder; raises UserError when it cannot be loaded."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        names = (one.name for one in folder.iterdir())
        made_of = listed(name for name in names if name == TOKENIZER or is_vocabulary(name))
        got = (f"{source!r}, whose tokenizer transformers cannot load of {made_of} ({why}): write "
               "it anew with tokenizer.save_pretrained(FOLDER)")  # fmt: skip
        raise UserError("model", TAKES, got) from error


def _check_vocabulary(source: str, parts: Parts, asked: Mapping[str, str]) -> None:
    """Refuses a tokenizer that transformers made without one of its files: of nothing, mostly."""
    files = [name for name in asked.values() if name != TOKENIZER]
    missing = [name for name in files if name not in parts.tokenizer]
    if missing and not any(_ANY_CLASS.fullmatch(name) for name in parts.tokenizer):
        raise no_vocabulary(source, " and ".join(files), parts.tokenizer)
