import json
import re

import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions
from hypothesis import example, given
from hypothesis import strategies as st

from runinference_metrics.errors import UserError
from runinference_metrics.options import beam_flags
from runinference_metrics.options.labels import labels

KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)
VALUES = st.from_regex(r"[a-z0-9_-]{0,63}", fullmatch=True)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_both_forms_mean_the_same(pairs: dict[str, str]) -> None:
    assert labels([json.dumps(pairs)]) == pairs
    assert labels([f"{key}={value}" for key, value in pairs.items()]) == pairs


@given(st.text(max_size=30))
@example("{")
@example('{"a": null}')
@example("{'a': 'b'}")
@example("[" * 100_000)
@example("{" + '"a":{' * 100_000)
@example("a=\ud800")
@example('{"a": "\\ud800"}')
def test_any_text_is_labels_or_refused_with_one_line(text: str) -> None:
    wrong, found = "", {}
    try:
        found = labels([text])
    except UserError as error:
        wrong = str(error)
    assert not wrong or re.fullmatch(r"--labels takes KEY=VALUE, or .*; got .*", wrong)
    assert all(isinstance(one, str) for pair in found.items() for one in pair)


@pytest.mark.parametrize(
    "text",
    ["team", "=nlp", "Team=nlp", "team=NLP", "team=a b", "team=a=b", "team=a,cost=b", "1a=b",
     f"{'k' * 64}=v", f"k={'v' * 64}", f"k={'文' * 43}", '{"a":1}', '{"a":{"b":"c"}}', '{"":""}',
     '[{"a":"b"}]', '{"a":"b"} x'],
)  # fmt: skip
def test_what_the_service_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^--labels takes KEY=VALUE, or a JSON object"):
        labels([text])


def test_a_label_may_be_of_any_script_and_the_last_of_a_key_counts() -> None:
    assert labels(["équipe=文", "a=", "", ' {"a":"b"} ', "a=c"]) == {"équipe": "文", "a": "c"}


def test_more_than_the_service_takes_are_refused() -> None:
    assert len(labels([f"k{one}=v" for one in range(64)])) == 64
    with pytest.raises(UserError, match="--labels takes up to 64 labels; got 65"):
        labels([json.dumps({f"k{one}": "v" for one in range(65)})])


@pytest.mark.parametrize("flag", ["--label", "--labels"])
def test_beam_gets_them_in_the_form_that_it_does_not_fall_over(flag: str) -> None:
    options = beam_flags.parse([f'{flag}={{"team":"nlp"}}', f"{flag}=env=dev"])
    assert options.view_as(GoogleCloudOptions).labels == ["team=nlp", "env=dev"]
    assert beam_flags.parse([]).view_as(GoogleCloudOptions).labels is None
    assert beam_flags.parse([f"{flag}={{}}"]).view_as(GoogleCloudOptions).labels is None
