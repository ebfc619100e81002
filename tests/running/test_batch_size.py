"""The batches of a sample are those of the whole."""

import dataclasses

import pytest

from runinference_metrics.options.command_line import parse
from runinference_metrics.reading.listing import Found
from runinference_metrics.running.estimate import batch_size

SETTINGS, _ = parse(["--input=a", "--output=b"])


@pytest.mark.parametrize(
    ("texts_of_each_file", "least", "most", "size"),
    [
        ([100_000], 64, 512, 512),
        ([300], 64, 512, 300),
        ([40] * 100, 64, 512, 80),
        ([1] * 1000, 64, 512, 64),
        ([63] * 10, 64, 512, 126),
        ([64] * 10, 64, 512, 64),
        ([400] * 10, 512, 512, 512),
        # Most texts lie in the large file.
        ([1] * 100 + [100_000], 64, 512, 512),
        ([3], 1, 512, 3),
    ],
)
def test_small_files_are_joined_until_there_are_enough(
    texts_of_each_file: list[int], least: int, most: int, size: int
) -> None:
    settings = dataclasses.replace(SETTINGS, min_batch_size=least, max_batch_size=most)
    files = [Found(str(at), 50 * texts) for at, texts in enumerate(texts_of_each_file)]
    assert batch_size(settings, files, sum(texts_of_each_file)) == size
