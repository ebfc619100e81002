from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.batching import Joiner, micro_batches

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


@given(st.lists(st.integers(1, 20), max_size=60), st.integers(1, 20), st.integers(0, 30))
def test_joining_keeps_every_text_in_order_and_the_bounds(
    sizes: list[int], smallest: int, more: int
) -> None:
    largest = max(smallest + more, 20)
    joiner = Joiner(smallest, largest)
    numbers = iter(range(10**6))
    batches = [[next(numbers) for _ in range(size)] for size in sizes]
    groups = [group for batch in batches for group in joiner.add(batch)]
    complete = len(groups)
    groups += list(joiner.flush())
    assert [batch for group in groups for batch in group] == batches
    assert list(joiner.flush()) == []
    totals = [sum(map(len, group)) for group in groups]
    assert all(total <= largest for total in totals)
    for index, total in enumerate(totals[:complete]):
        following = len(groups[index + 1][0]) if index + 1 < len(groups) else 10**6
        assert total >= smallest or total + following > largest
