"""Words of texts, and the tokens that were made of each before."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Longer words are rare, and asked for each time; two numbers of 64 bits hold these.
LONGEST_BYTES = 16
# So many bytes behind the last word can be read.
PADDING = bytes(LONGEST_BYTES)
# Several times the vocabulary of a BERT, in 3 MB. What finds no slot is asked for each time.
_SLOT_BITS = 17
# Odd numbers of 64 bits without a pattern, from SplitMix64 (Steele, Lea and Flood, 2014).
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
_HALF, _SHIFT = np.uint64(32), np.uint64(64 - _SLOT_BITS)


def _masks() -> np.ndarray:
    """uint64 of shape [lengths, 2]: which bits of a word's two numbers are its own."""
    own = np.tri(LONGEST_BYTES + 1, LONGEST_BYTES, -1, dtype=np.uint8) * np.uint8(255)
    return own.view("<u8")


_MASKS = _masks()


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The places from each start on, as many as its length, one range behind the other.

    Args:
        starts: int64 of shape [ranges].
        lengths: int64 of shape [ranges].
    """
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(lengths.sum())


@dataclass(frozen=True, slots=True)
class Words:
    """Words in the bytes of texts.

    Args:
        content: the texts in UTF-8, and PADDING behind them.
        starts: int64 of shape [words]: where each begins.
        lengths: int64 of shape [words]: its bytes, at least one.
        remembered: bool of shape [words]: whether it may be; no longer than LONGEST_BYTES then, and
            without a zero.
    """

    content: bytes
    starts: np.ndarray
    lengths: np.ndarray
    remembered: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Two numbers of each word, which no other has that may be remembered."""
        masks = _MASKS[np.minimum(self.lengths, LONGEST_BYTES)]
        found = []
        for half in (0, 8):
            # The eight bytes from each place on, as a number.
            count = len(self.content) - half - 7
            at = np.ndarray((count,), "<u8", self.content, half, (1,))
            found.append(at[self.starts] & masks[:, half // 8])
        return found[0], found[1]

    def bytes_of(self, which: np.ndarray) -> list[bytes]:
        """The words at the places `which`."""
        starts, ends = self.starts[which], (self.starts + self.lengths)[which]
        return [
            self.content[start:end]
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class WordTokens:
    """The tokens of words.

    Args:
        pool: int64 of shape [tokens]: tokens of many words.
        starts: int64 of shape [words]: where in it the tokens of each begin.
        counts: int64 of shape [words]: how many those are.
    """

    pool: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    def flat(self) -> np.ndarray:
        """The tokens of all words, one word behind the other."""
        return self.pool[ranges(self.starts, self.counts)]


@dataclass(frozen=True, slots=True)
class Found:
    """Where words are remembered.

    Args:
        slots: int64 of shape [words].
        there: bool of shape [words]: whether they are.
    """

    slots: np.ndarray
    there: np.ndarray

    @property
    def missing(self) -> int:
        """How many are not."""
        return len(self.there) - int(self.there.sum())


class WordMemory:
    """Remembers the tokens of words. Threads may share it.

    Args:
        ask: gives the tokens of each of some words.
    """

    def __init__(self, ask: Callable[[list[str]], list[list[int]]]) -> None:
        self._ask = ask
        slots = 1 << _SLOT_BITS
        # A slot is written once, its keys last: whoever finds those finds the rest. No word that
        # may be remembered has keys of zero.
        self._first_keys, self._last_keys = np.zeros((2, slots), np.uint64)
        self._starts, self._counts = np.zeros((2, slots), np.int64)
        self._pool = np.zeros(0, np.int64)
        self._lock = threading.Lock()

    def find(self, words: Words) -> Found:
        """Looks for words."""
        keys = words.numbers()
        slots, others = _slots(*keys)
        there = self._holds(slots, *keys)
        elsewhere = np.flatnonzero(~there)
        slots[elsewhere] = others[elsewhere]
        there[elsewhere] = self._holds(others[elsewhere], *(one[elsewhere] for one in keys))
        return Found(slots, there & words.remembered)

    def tokens(self, words: Words, found: Found) -> WordTokens:
        """The tokens of words, of which those not found are asked for and remembered."""
        starts, counts = self._starts[found.slots], self._counts[found.slots]
        # Read after the slots: it only grows.
        pool = self._pool
        missing = np.flatnonzero(~found.there)
        if len(missing):
            learned, at = self._learn(words, missing)
            starts[missing] = len(pool) + learned.starts[at]
            counts[missing] = learned.counts[at]
            pool = np.concatenate([pool, learned.pool])
        return WordTokens(pool, starts, counts)

    def _holds(self, slots: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        found: np.ndarray = (self._first_keys[slots] == first) & (self._last_keys[slots] == last)
        return found

    def _learn(self, words: Words, missing: np.ndarray) -> tuple[WordTokens, np.ndarray]:
        """Asks for the tokens of words; returns those of each other one, and which each has."""
        of_word: dict[bytes, int] = {}
        at = np.array([of_word.setdefault(one, len(of_word)) for one in words.bytes_of(missing)])
        ids = self._ask([one.decode() for one in of_word])
        counts = np.fromiter(map(len, ids), np.int64, len(ids))
        pool = np.fromiter(itertools.chain.from_iterable(ids), np.int64, counts.sum())
        learned = WordTokens(pool, np.cumsum(counts) - counts, counts)
        _, places = np.unique(at, return_index=True)
        self._remember(words, missing[places], learned)
        return learned, at

    def _remember(self, words: Words, which: np.ndarray, learned: WordTokens) -> None:
        """Remembers of different words those that may be and find a slot."""
        first, last = (keys[which] for keys in words.numbers())
        left = np.flatnonzero(words.remembered[which])
        with self._lock:
            for slots in _slots(first, last):
                free = left[self._first_keys[slots[left]] == 0]
                # Of those that want the same slot, one.
                _, one = np.unique(slots[free], return_index=True)
                chosen = free[one]
                tokens = WordTokens(learned.pool, learned.starts[chosen], learned.counts[chosen])
                starts = len(self._pool) + np.cumsum(tokens.counts) - tokens.counts
                self._pool = np.concatenate([self._pool, tokens.flat()])
                at = slots[chosen]
                self._starts[at], self._counts[at] = starts, tokens.counts
                self._last_keys[at] = last[chosen]
                self._first_keys[at] = first[chosen]
                left = np.setdiff1d(left, chosen, assume_unique=True)


def _slots(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two slots that a word may have, int64 of shape [words]."""
    mixed = first * _FACTORS[0] ^ last * _FACTORS[1]
    mixed ^= mixed >> _HALF
    slots = (mixed * _FACTORS[2]) >> _SHIFT, (mixed * _FACTORS[0]) >> _SHIFT
    return slots[0].astype(np.int64), slots[1].astype(np.int64)
