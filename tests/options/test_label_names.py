import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.errors import UserError
from runinference_metrics.options import label_names

NAMES = st.lists(
    st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1),
    min_size=1,
    max_size=9,
    unique=True,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0=neg,1=pos", ("neg", "pos")),
        (" 1 = pos , 0 = neg ", ("neg", "pos")),
        ("0=a=b", ("a=b",)),
        ("gs://bucket/names.txt", None),
        ("names.txt", None),
        ("", None),
    ],
)
def test_names_in_the_parameter(text: str, expected: tuple[str, ...] | None) -> None:
    assert label_names.inline(label_names.value(text)) == expected


@pytest.mark.parametrize("text", ["1=neg,2=pos", "0=neg,0=pos", "0=neg,pos", "0=,1=pos", "0=a,1=a"])
def test_names_that_are_not_numbered_from_zero_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"counted|number|empty|twice"):
        label_names.value(text)


@given(NAMES)
def test_a_file_gives_back_its_names(names: list[str]) -> None:
    expected = tuple(names)
    numbered = dict(enumerate(names))
    for content in (
        json.dumps(names),
        json.dumps(numbered),
        json.dumps({name: number for number, name in numbered.items()}),
        "\n".join(f"{number}={name}" for number, name in numbered.items()),
    ):
        assert label_names.of_file(content.encode(), "names") == expected


def test_a_file_with_a_name_a_line() -> None:
    content = "\N{ZERO WIDTH NO-BREAK SPACE}negative\r\n\r\nvery positive\r\n".encode()
    assert label_names.of_file(content, "names.txt") == ("negative", "very positive")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "there are no names in it"),
        (b"a\na\n", "'a' stands there twice"),
        (b'{"1": "a", "2": "b"}', "counted from 0 to 1 (here: 1, 2)"),
        (b'{"0": "a"', "Expecting"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[]", "there are no names in it"),
    ],
)
def test_a_file_without_names_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=r"--label_names takes a name .*'gs://b/n'") as caught:
        label_names.of_file(content, "gs://b/n")
    assert reason in str(caught.value)
