"""Small tokenizers of the kinds that classifiers come with: how they cut words, and their frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

WORDS = (
    "good bad film the a is was not very fine dull great poor story i it plot no slow".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Kind:
    """A kind of tokenizer.

    Args:
        cut: makes the tokenizer of the special tokens: how words are cut.
        special: its special tokens, from token 0.
        frame: what stands around a text, as the tokenizers library writes it.
        roles: which of them is which, as transformers names them.
        pair_frame: what stands around two texts; empty where they stand one behind the other.
        type_ids: whether it gives token types.
        mask: whether it gives a mask of what is padding.
        pad_left: whether it pads on the left.
    """

    cut: Callable[[tuple[str, ...]], Tokenizer]
    special: tuple[str, ...]
    frame: str
    roles: dict[str, str]
    pair_frame: str = ""
    type_ids: bool = False
    mask: bool = True
    pad_left: bool = False

    @property
    def ids(self) -> dict[str, int]:
        """The special tokens' numbers, by role, as config.json has them: pad_token_id and so on."""
        return {f"{role}_id": self.special.index(token) for role, token in self.roles.items()}

    def with_padding_at(self, number: int | None) -> "Kind":
        """The same with another number of the padding token, where it has a small one of its own.

        Args:
            number: the usual number of an architecture.
        """
        padding = self.roles["pad_token"]
        shared = list(self.roles.values()).count(padding) > 1
        if number is None or number >= len(self.special) or shared:
            return self
        others = [token for token in self.special if token != padding]
        return replace(self, special=(*others[:number], padding, *others[number:]))

    def write(self, folder: Path, *, padding: bool = True) -> Any:
        """Writes it as transformers does; returns transformers' tokenizer.

        Args:
            folder: the model's folder.
            padding: whether there is a padding token.
        """
        tokenizer = self.cut(self.special)
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in self.special])
        numbers = {token: number for number, token in enumerate(self.special)}
        if self.frame != "$A":
            tokenizer.post_processor = processors.TemplateProcessing(
                single=self.frame,
                pair=self.pair_frame or None,
                special_tokens=[(token, numbers[token]) for token in self.special],
            )
        given = {"token_type_ids": self.type_ids, "attention_mask": self.mask}
        names = ["input_ids", *(name for name, is_given in given.items() if is_given)]
        roles = dict(self.roles)
        if not padding:
            del roles["pad_token"]
        written = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            model_input_names=names,
            padding_side="left" if self.pad_left else "right",
            **roles,
        )
        written.save_pretrained(folder)
        return written


def _words(special: tuple[str, ...]) -> Tokenizer:
    """A token a word, as of old; what is not known is the unknown token."""
    unknown = next((token for token in special if "unk" in token.lower()), special[0])
    vocabulary = {token: number for number, token in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _bytes(special: tuple[str, ...]) -> Tokenizer:
    """Bytes joined to words, as of GPT-2; nothing is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=len(special) + 256 + 3 * len(WORDS),
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), *(f" {word}" for word in WORDS)], trainer)
    return tokenizer


def _pieces(special: tuple[str, ...]) -> Tokenizer:
    """Words and letters with their probabilities, as of SentencePiece."""
    letters = "▁abcdefghijklmnopqrstuvwxyz.,!?<>/"
    unknown = next(number for number, token in enumerate(special) if "unk" in token.lower())
    pieces = [*special, *(f"▁{word}" for word in WORDS), *letters]
    scored = [(piece, -float(len(letters) if piece in letters else 2)) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _roles(**tokens: str) -> dict[str, str]:
    return {f"{role}_token": token for role, token in tokens.items()}


_CLS = _roles(pad="[PAD]", unk="[UNK]", cls="[CLS]", sep="[SEP]", mask="[MASK]")
_S = _roles(bos="<s>", eos="</s>", pad="<pad>", unk="<unk>", cls="<s>", sep="</s>", mask="<mask>")

BERT = Kind(
    _words,
    ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "[CLS] $A [SEP]",
    _CLS,
    "[CLS] $A [SEP] $B:1 [SEP]:1",
    type_ids=True,
)
# BERT's frame around SentencePiece.
ALBERT = replace(BERT, cut=_pieces, type_ids=False)
ROBERTA = Kind(
    _bytes,
    ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "<s> $A </s>",
    _S,
    "<s> $A </s> </s> $B </s>",
)
XLM_ROBERTA = replace(ROBERTA, cut=_pieces)
XLM = replace(ROBERTA, cut=_words).with_padding_at(2)
# A language behind the end.
MBART = replace(
    XLM_ROBERTA,
    special=(*ROBERTA.special, "en_XX"),
    frame="$A </s> en_XX",
    pair_frame="$A $B </s> en_XX",
)
# The end stands at the beginning.
OPT = replace(ROBERTA, frame="</s> $A", pair_frame="</s> $A </s>:1 $B:1")
T5 = Kind(
    _pieces,
    ("<pad>", "</s>", "<unk>"),
    "$A </s>",
    _roles(pad="<pad>", eos="</s>", unk="<unk>"),
    "$A </s> $B </s>",
)
XLNET = Kind(
    _pieces,
    ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"),
    "$A:0 <sep>:0 <cls>:2",
    _roles(bos="<s>", eos="</s>", unk="<unk>", sep="<sep>", cls="<cls>", pad="<pad>",
           mask="<mask>"),
    "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
    type_ids=True,
    pad_left=True,
)  # fmt: skip
# One special token for all.
GPT = Kind(
    _bytes,
    ("<|endoftext|>",),
    "$A",
    _roles(bos="<|endoftext|>", eos="<|endoftext|>", unk="<|endoftext|>", pad="<|endoftext|>"),
)
# Of the time before.
OLD_GPT = Kind(_words, ("<unk>", "<pad>"), "$A", _roles(unk="<unk>", pad="<pad>"))
QWEN = Kind(
    _bytes,
    ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "$A",
    _roles(eos="<|im_end|>", pad="<|endoftext|>"),
)
GLM = Kind(
    _bytes,
    ("<|endoftext|>", "[gMASK]", "<sop>", "<|user|>"),
    "[gMASK] <sop> $A",
    _roles(eos="<|user|>", pad="<|endoftext|>"),
    pad_left=True,
)
LLAMA = Kind(
    _pieces,
    ("<unk>", "<s>", "</s>", "<pad>"),
    "<s> $A",
    _roles(bos="<s>", eos="</s>", unk="<unk>", pad="<pad>"),
    "<s> $A <s>:1 $B:1",
    pad_left=True,
)
GEMMA = Kind(
    _pieces,
    ("<pad>", "<eos>", "<bos>", "<unk>"),
    "<bos> $A",
    _roles(bos="<bos>", eos="<eos>", unk="<unk>", pad="<pad>"),
    "<bos> $A <bos>:1 $B:1",
    pad_left=True,
)
