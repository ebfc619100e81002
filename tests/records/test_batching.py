from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.batching import Joiner, micro_batches

LENGTHS = st.lists(st.integers(1, 600), max_size=200)


@given(LENGTHS, st.integers(1, 5000))
def test_every_text_is_in_one_micro_batch_under_the_budget(lengths: list[int], budget: int) -> None:
    cut = micro_batches(lengths, budget)
    assert sorted(index for part in cut for index in part) == list(range(len(lengths)))
    for part in cut:
        longest = max(lengths[index] for index in part)
        assert len(part) == 1 or len(part) * longest <= budget


@given(LENGTHS, st.integers(600, 5000))
def test_a_micro_batch_holds_as_many_texts_as_fit(lengths: list[int], budget: int) -> None:
    cut = micro_batches(lengths, budget)
    for part in cut[:-1]:
        assert (len(part) + 1) * lengths[part[0]] > budget


def test_neighbours_are_of_like_length() -> None:
    assert micro_batches([3, 50, 4, 49], 100) == [[1, 3], [2, 0]]


@dataclass(frozen=True)
class Texts:
    """A batch of so many texts, told from others by its number."""

    number: int
    texts: int
    row_bytes: int

    def __len__(self) -> int:
        return self.texts


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 50)), max_size=60),
    st.integers(1, 20),
    st.integers(0, 30),
    st.integers(1, 200),
)
def test_joining_keeps_every_text_in_order_and_the_bounds(
    sizes: list[tuple[int, int]], smallest: int, more: int, largest_bytes: int
) -> None:
    largest = max(smallest + more, 20)
    joiner = Joiner(smallest, largest, largest_bytes)
    batches = [Texts(number, *size) for number, size in enumerate(sizes)]
    groups = [group for batch in batches for group in joiner.add(batch)]
    complete = len(groups)
    groups += list(joiner.flush())
    assert [batch for group in groups for batch in group] == batches
    assert list(joiner.flush()) == []
    totals = [(sum(map(len, group)), sum(one.row_bytes for one in group)) for group in groups]
    for group, (texts, row_bytes) in zip(groups, totals, strict=True):
        assert texts <= largest
        assert row_bytes <= largest_bytes or len(group) == 1
    for index, (texts, row_bytes) in enumerate(totals[:complete]):
        following = groups[index + 1][0] if index + 1 < len(groups) else Texts(0, 10**6, 0)
        assert (
            texts >= smallest
            or texts + len(following) > largest
            or row_bytes + following.row_bytes > largest_bytes
        )
