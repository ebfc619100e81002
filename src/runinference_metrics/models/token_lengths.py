"""How many tokens texts have, by the tokenizers library alone: neither torch nor transformers."""

from collections.abc import Sequence
from pathlib import Path

from runinference_metrics.errors import UserError, first_line
from runinference_metrics.models.folder import ModelFolder


def token_lengths(model: ModelFolder, texts: Sequence[str | tuple[str, str]]) -> list[int]:
    """How many tokens each text, or pair of texts, has before it is cut; special ones included.

    Args:
        model: the model's folder.
        texts: what is to be classified.

    Raises:
        UserError: the library cannot load the tokenizer.
    """
    # Loads a library of Rust, which the other checks of a model do without.
    from tokenizers import Tokenizer

    file = str(Path(model.path) / "tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(file)
    except Exception as error:
        takes = "a model with a tokenizer.json that can be loaded"
        got = f"{file!r}: {first_line(error)}: copy it again from where the model is from"
        raise UserError("model", takes, got) from error
    # The file may have the cuts and the padding with which it was last used.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(one.ids) for one in tokenizer.encode_batch(list(texts))]
