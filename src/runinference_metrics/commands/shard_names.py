"""The names of an output folder's shards: of what, which one, of how many, in which format."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence

from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS

# Of each kind of difference; the first ones show what is wrong, a million more do not.
_MOST_NAMED = 5
_SHARD = re.compile(
    rf"({PREDICTIONS}|{DEAD_LETTERS})-(\d{{5,}})-of-(\d{{5,}})"
    r"\.((?:jsonl|csv)(?:\.gz)?|parquet|avro)"
)


def checked_names(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that are named as shards, and what is wrong with the names of all.

    Every shard's name says how many there are: all must be there, of one run.
    """
    named, wrong = [], []
    numbers: dict[tuple[str, int, str], set[int]] = defaultdict(set)
    for path in paths:
        if parts := _SHARD.fullmatch(os.path.basename(path)):
            named.append(path)
            numbers[parts[1], int(parts[3]), parts[4]].add(int(parts[2]))
        else:
            wrong.append(f"{os.path.basename(path)} is not named as a shard")
    for kind in (PREDICTIONS, DEAD_LETTERS):
        totals = sorted((total, ending) for one, total, ending in numbers if one == kind)
        if not totals:
            wrong.append(f"there is no shard of {kind}")
        if len(totals) > 1:
            endings = len({ending for _, ending in totals}) > 1
            listed = " and ".join(
                f"{total:05}" + f" ({ending})" * endings for total, ending in totals
            )
            wrong.append(f"there are shards of {kind} of several runs: of {listed}")
        for total, ending in totals:
            missing = sorted(set(range(total)) - numbers[kind, total, ending])
            names = [f"{kind}-{one:05}-of-{total:05}.{ending}" for one in missing[:_MOST_NAMED]]
            if missing:
                wrong.append(f"missing: {_listed(names, len(missing))}")
    return named, wrong


def _listed(names: list[str], total: int) -> str:
    more = total - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def kind_of(path: str) -> str:
    """Whether a shard has predictions or dead letters."""
    name = os.path.basename(path)
    return PREDICTIONS if name.startswith(PREDICTIONS) else DEAD_LETTERS
