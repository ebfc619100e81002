"""Texts as tokens."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.classifier.tokens import Tokens

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=12).map(
    lambda some: sorted(some, reverse=True)
)


def tokens_of(lengths: list[int]) -> Tokens:
    return Tokens(np.arange(sum(lengths)), np.array(lengths))


@given(LENGTHS, st.data())
def test_a_part_has_the_tokens_of_its_texts(lengths: list[int], data: st.DataObject) -> None:
    tokens = tokens_of(lengths)
    first = data.draw(st.integers(0, len(lengths) - 1))
    last = data.draw(st.integers(first + 1, len(lengths)))
    part = tokens.part(first, last)
    texts = np.split(tokens.ids, np.cumsum(lengths)[:-1])
    assert part.ids.tolist() == np.concatenate(texts[first:last]).tolist()
    assert part.lengths.tolist() == lengths[first:last]
    assert part.positions.tolist() == [at for one in lengths[first:last] for at in range(one)]
    assert part.longest == lengths[first]


def test_the_tokenizer_sorts_and_knows_the_way_back(distilbert: Path) -> None:
    own = AutoTokenizer.from_pretrained(distilbert)
    texts = ["good", "good bad film the a", "bad film", "good " * 30, "dull"]
    found = Tokenizer(AutoTokenizer.from_pretrained(distilbert), 12, 1000)(texts)
    assert found.order.tolist() == [3, 1, 2, 0, 4]
    assert found.truncated == 1
    expected = [own(texts[at], truncation=True, max_length=12)["input_ids"] for at in found.order]
    assert found.tokens.ids.tolist() == [token for one in expected for token in one]
    assert found.tokens.lengths.tolist() == [len(one) for one in expected]
