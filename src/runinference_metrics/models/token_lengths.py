"""How many tokens texts have, by the tokenizers library alone: neither torch nor transformers."""

from collections.abc import Sequence
from pathlib import Path

from runinference_metrics.models.folder import ModelFolder


def token_lengths(model: ModelFolder, texts: Sequence[str | tuple[str, str]]) -> list[int]:
    """How many tokens each text, or pair of texts, has before it is cut; special ones included.

    Args:
        model: the model's folder.
        texts: what is to be classified.
    """
    # Loads a library of Rust, which the other checks of a model do without.
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(model.path) / "tokenizer.json"))
    # The file may have the cuts and the padding with which it was last used.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(one.ids) for one in tokenizer.encode_batch(list(texts))]
