"""Mixed texts, the same each time, on which two tokenizers or two models can be compared."""

import random
from collections.abc import Sequence

_PHRASES = (
    "A good film, and not a dull one!", "It's don't can't I'm we've", "naïve café résumé Ångström",
    "Это хороший фильм.", "هذا فيلم جيد", "זה סרט טוב", "これは良い映画です。", "这是一部好电影",
    "이것은 좋은 영화입니다", "यह एक अच्छी फिल्म है", "นี่เป็นหนังที่ดี", "Bộ phim này rất hay",
    "\u1e9etraße İstanbul \u017f", "👍🏽 😀 \U0001f469\u200d\U0001f469\u200d\U0001f467 🇫🇷",
    "e\u0301 u\u0308 \u212b \ufb01 ½ ①", "$3.50 + 10% = #1 @home & a/b",
    "http://example.com/a?b=c&d=%20", "CamelCase snake_case kebab-case 3D", "1234567890 3,141.59",
    "``quoted'' \"double\" 'single' «guillemets»", "# ## [x] {y} <z> </s> \\n", "ALL CAPITALS HERE",
)  # fmt: skip
_SPACES = (
    " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\x00", "\x07", "\ufeff", "",
)  # fmt: skip
_LONG_WORDS = 700


def mixed(count: int, special: Sequence[str]) -> list[str]:
    """Texts in many scripts, with odd spaces, special tokens, emoji, of every length.

    Args:
        count: how many.
        special: the special tokens, which stand in some of them.
    """
    chosen = random.Random(0)
    pool = [*_PHRASES, *special]
    texts = [*_PHRASES, " ", "a", "x" * 300, *(f"a {one} b{one}" for one in special[:20])]
    texts.append(" ".join(chosen.choice(_PHRASES).split()[0] for _ in range(_LONG_WORDS)))
    while len(texts) < count:
        parts = [
            chosen.choice(pool) if chosen.random() < 0.6 else _letters(chosen)
            for _ in range(chosen.randint(1, 9))
        ]
        texts.append("".join(part + chosen.choice(_SPACES) for part in parts))
    return texts[:count]


def classified() -> list[str]:
    """A few texts for a model, short and long, none of them blank."""
    every = " ".join(_PHRASES)
    return [*_PHRASES, "a", every, " ".join([every] * 8)]


def ordinary(count: int) -> list[str]:
    """Texts in many languages, from nothing and a word to four sentences.

    The short ones matter: where there is little to attend to, all numbers are larger.
    """
    chosen = random.Random(0)
    words = [word for phrase in _PHRASES for word in phrase.split()]
    texts = [""]
    while len(texts) < count:
        texts.append(" ".join(chosen.sample(words, chosen.randint(1, 3))))
        texts.append(" ".join(chosen.sample(_PHRASES, chosen.randint(1, 4))))
    return texts[:count]


def _letters(chosen: random.Random) -> str:
    """Some letters out of one block of Unicode, of which not all are assigned."""
    start = chosen.choice((0x20, 0x61, 0xC0, 0x370, 0x400, 0x5D0, 0x620, 0x900, 0x3040, 0x4E00,
                           0xAC00, 0x1F300))  # fmt: skip
    return "".join(chr(start + chosen.randrange(26)) for _ in range(chosen.randint(1, 12)))
