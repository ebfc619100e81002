from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.records.batching import FEWEST_TOKENS, Cutting, Joiner

LENGTHS = st.lists(st.integers(1, 600), max_size=200)


@given(LENGTHS, st.integers(1, 5000))
def test_every_text_is_in_one_micro_batch_under_the_budget(lengths: list[int], budget: int) -> None:
    cut = Cutting().micro_batches(lengths, budget)
    assert sorted(index for part in cut for index in part) == list(range(len(lengths)))
    for part in cut:
        longest = max(lengths[index] for index in part)
        assert len(part) == 1 or len(part) * longest <= budget


@given(LENGTHS, st.integers(600, 5000))
def test_a_micro_batch_holds_as_many_texts_as_fit(lengths: list[int], budget: int) -> None:
    cut = Cutting().micro_batches(lengths, budget)
    for part in cut[:-1]:
        assert (len(part) + 1) * lengths[part[0]] > budget


def test_neighbours_are_of_like_length() -> None:
    assert Cutting().micro_batches([3, 50, 4, 49], 100) == [[1, 3], [2, 0]]


@given(LENGTHS, st.integers(1, 5000), st.integers(1, 5))
def test_what_is_packed_costs_its_tokens_alone(
    lengths: list[int], budget: int, at_once: int
) -> None:
    cutting = Cutting(padded=False, at_once=at_once)
    cut = cutting.micro_batches(lengths, budget)
    assert [index for part in cut for index in part] == sorted(
        range(len(lengths)), key=lambda index: -lengths[index]
    )
    for part in cut:
        assert len(part) == 1 or cutting.tokens([lengths[index] for index in part]) <= budget


@given(st.lists(st.integers(1, 60), min_size=200, max_size=600), st.integers(1, 5))
def test_those_computed_side_by_side_are_of_like_size(lengths: list[int], at_once: int) -> None:
    cut = Cutting(padded=False, at_once=at_once).micro_batches(lengths, 1024)
    sizes = [sum(lengths[index] for index in part) for part in cut]
    if sum(lengths) >= at_once * FEWEST_TOKENS * -(-sum(lengths) // 1024):
        # Where a text more would not fit, what is left over makes one more.
        assert len(cut) % at_once in (0, 1)
    assert max(sizes[:-1], default=0) - min(sizes[:-1], default=0) <= 2 * max(lengths)


def test_little_work_is_not_cut_small_to_share_it() -> None:
    cut = Cutting(padded=False, at_once=4).micro_batches([20] * 30, 1024)
    assert [len(part) for part in cut] == [15, 15]


def test_texts_may_have_to_be_alone_or_with_their_like() -> None:
    assert Cutting(mixed=False).micro_batches([3, 5, 3], 100) == [[1], [0, 2]]
    assert Cutting(most_texts=1).micro_batches([3, 5, 3], 100) == [[1], [0], [2]]


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
