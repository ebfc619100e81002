import copy
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conftest import ROOT
from runinference_metrics.__main__ import main
from runinference_metrics.options import metadata
from runinference_metrics.options.metadata_faults import (
    _OPTION_KEYS,
    _PARAMETER_KEYS,
    _TEMPLATE_KEYS,
)
from runinference_metrics.options.parameters import PARAMETERS


def test_the_file_is_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metadata"]) == 0
    assert capsys.readouterr().out == (ROOT / "metadata.json").read_text(), "run `make metadata`"
    assert metadata.faults(json.loads((ROOT / "metadata.json").read_text())) == []


def test_it_agrees_with_the_programs_own_parameters() -> None:
    described = {one["name"]: one for one in metadata.template()["parameters"]}
    in_form = [parameter for parameter in PARAMETERS if parameter.in_form]
    assert list(described) == [parameter.name for parameter in in_form]
    # Nobody waits for a job that a template launched.
    assert {one.name for one in PARAMETERS} - set(described) == {"start_timeout_secs"}
    for parameter in in_form:
        one = described[parameter.name]
        assert one["isOptional"] == (parameter.default is not None)
        assert one.get("defaultValue", "") == (parameter.default or "")
        for option in one.get("enumOptions", []):
            parameter.value(option["value"])
        if one["isOptional"]:
            # What the form sends when it is left alone, and what it sends when emptied.
            assert parameter.value("") == parameter.value(parameter.default or "")
            for regex in one.get("regexes", []):
                assert re.fullmatch(regex, ""), parameter.name


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("input", ["gs://b/a.txt", "gs://b/a*.csv,gs://c/d/", "gs://b/a b.txt, gs://c/*", "GS:b/a",
                   " 'gs:/b/a' ", "gs://b/a,\ngs://b/c\n", "https://storage.googleapis.com/b/a,gs:c",
                   "https://console.cloud.google.com/storage/browser/b?x=(1,(2,3)),gs://b/a",
                   "gs%3A%2F%2Fb", "gs://b/{a,b}/*.{csv,txt},gs:c/{a,{b,c}}", "gs://b/{a,gs://c"],
         ["a.txt", "", "gs://", "gs://b/a,/etc/passwd", "s3://b/a", "https://b/a,/etc/passwd",
          "gs://b/{a,/etc/passwd", "gs://b/a},/etc/passwd", "gs://b/{a,b},/etc/passwd"]),
        ("output", ["gs://b", "gs://b/a folder/", " gs:b/out\n", "https://x/b"],
         ["", "out", "/tmp/x", "gs:", "gs://a\nb"]),
        ("max_batch_tokens", ["auto", "1", "4096", "", " ", "AUTO", "007"], ["0", "-1", "many"]),
        ("min_batch_size", ["1", "512", "auto", " 5\n"], ["0", "1.5"]),
        ("max_failure_rate", ["0.05", ".1", "0", "1", "1.0", "", " 0 "], ["2", "-1", "5%", "0,5"]),
        ("inference_timeout_secs", ["0", "60", ""], ["-1", "1.5", "a"]),
        ("model", ["", " bundled ", "gs://b/m", "/opt/m"], ["a\nb"]),
        ("keep_fields", ["", "*", "a,b"], ["a\nb"]),
        ("prices", ["", " ", "gs://b/p.yaml", "'gs:b/p.yaml'"], ["p.yaml", "s3://b/p"]),
    ],
)  # fmt: skip
def test_what_the_service_lets_pass(name: str, good: list[str], bad: list[str]) -> None:
    (one,) = [one for one in metadata.template()["parameters"] if one["name"] == name]
    (regex,) = one["regexes"]
    for value in good:
        assert re.fullmatch(regex, value), value
    for value in bad:
        assert not re.fullmatch(regex, value), value


def broken(**changes: Any) -> dict[str, Any]:
    template = copy.deepcopy(metadata.template())
    (device,) = [one for one in template["parameters"] if one["name"] == "device"]
    device.update(changes)
    return template


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ([], "it is no object"),
        ({"name": "x", "colour": 1}, "unknown key 'colour'"),
        ({"parameters": []}, "it has no name"),
        ({"name": "x", "streaming": "false"}, "streaming is neither true nor false"),
        ({"name": 1}, "name 1 is no string"),
        ({"name": "x", "description": ["y"]}, "description ['y'] is no string"),
        ({"name": "x", "category": {}}, "unknown key 'category'"),
        ({"name": "x", "additionalUserLabels": {}}, "unknown key 'additionalUserLabels'"),
        ({"name": "x", "defaultStreamingMode": "TWICE"}, "unknown defaultStreamingMode 'TWICE'"),
        ({"name": "x", "defaultStreamingMode": "EXACTLY_ONCE"}, "for a streaming template that"),
        ({"name": "x", "parameters": {}}, "parameters is no list"),
        ({"name": "x", "parameters": [{}]}, "parameter 0 has no name"),
        (broken(color=1), "device: unknown key 'color'"),
        (broken(label=""), "device: has no label"),
        (broken(helpText=None), "device: has no helpText"),
        (broken(paramType="STRING"), "device: unknown paramType 'STRING'"),
        (broken(isOptional="true"), "device: isOptional is neither true nor false"),
        (broken(defaultValue=1), "device: defaultValue 1 is no string"),
        (broken(defaultValue="TPU"), "device: its default 'TPU' is none of its options"),
        (broken(regexes=["["]), "device: the regex '[' does not compile"),
        (broken(regexes=[r"CPU|\u2018"]), "has what not every engine reads as Python does"),
        (broken(regexes=["CPU|(?=x)"]), "has what not every engine reads as Python does"),
        (broken(regexes=["^G"]), "device: its default 'CPU' does not match '^G'"),
        (broken(regexes="^C"), "device: regexes is no list of strings"),
        (broken(enumOptions=[]), "device: is ENUM without enumOptions"),
        (broken(enumOptions=[{"label": "CPU"}]), "device: has an option without a value"),
        (broken(enumOptions=[{"value": "CPU"}, {"value": "CPU"}]), "device: has an option twice"),
        (broken(enumOptions=[{"value": "CPU", "x": 1}]), "unknown key 'x' in an option"),
        (
            broken(enumOptions=[{"value": "CPU", "label": 1}]),
            "its option 'CPU' is no text",
        ),
        (broken(enumOptions=[{"value": "CPU", "description": " "}]), "the description of its opt"),
        (broken(enumOptions=[{"value": "CPU"}, {"value": "x", "label": "CPU"}]), "look the same"),
        (broken(hiddenUi="no"), "device: hiddenUi is neither true nor false"),
        (broken(groupName=1), "device: groupName 1 is no string"),
        (broken(customMetadata={"a": 1}), "device: customMetadata is no object of strings"),
        (broken(paramType=["ENUM"]), "device: paramType ['ENUM'] is no string"),
        (broken(paramType="TEXT"), "device: has enumOptions, but is TEXT"),
        (broken(paramType="NUMBER"), "device: its default 'CPU' is no number"),
        (broken(paramType="BOOLEAN"), "device: its default 'CPU' is neither true nor false"),
        (broken(parentTriggerValues=["a"]), "device: parentTriggerValues without parentName"),
        (broken(parentName="x", parentTriggerValues="a"), "parentTriggerValues is no list of str"),
        (broken(parentName="precision"), "device: its groupName has no effect beside parentName"),
        (broken(parentName="x", parentTriggerValues=["a"]), "its parent 'x' is no other parameter"),
        (broken(parentName="precision", parentTriggerValues=["int4"]), "not all options of precis"),
        (broken(name="model"), "model: is there twice"),
    ],
)
def test_every_fault_is_found(content: Any, fault: str) -> None:
    assert any(fault in one for one in metadata.faults(content)), metadata.faults(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "b", "ENUM", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*_PARAMETER_KEYS, *_OPTION_KEYS, *_TEMPLATE_KEYS]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(st.fixed_dictionaries({"name": JSON, "parameters": st.lists(JSON, max_size=3)}) | JSON)
@example({"name": "x", "parameters": [{"name": "a", "paramType": "ENUM", "parentName": ["a"]}]})
@example({"name": "x", "parameters": [{"name": "a", "parentName": "a", "enumOptions": 1}]})
def test_whatever_comes_is_judged_in_sentences(content: Any) -> None:
    assert all(isinstance(one, str) and one for one in metadata.faults(content))


def test_a_parent_without_values_is_shown_with_any() -> None:
    # As the API has it: "If left empty, ANY non-empty value" shows the parameter.
    template = copy.deepcopy(metadata.template())
    (gpu,) = [one for one in template["parameters"] if one["name"] == "accelerator"]
    del gpu["parentTriggerValues"]
    assert metadata.faults(template) == []


def test_the_form_reads_well() -> None:
    parameters = metadata.template()["parameters"]
    for one in parameters:
        assert len(one["label"]) <= 30, one["label"]
        # A person sees fields, not flags, and sentences.
        assert "--" not in one["helpText"]
        assert re.fullmatch(r"[A-Z].*\.", one["helpText"]), one["name"]
        for option in one.get("enumOptions", []):
            assert option["label"], option
            assert re.fullmatch(r"\S.*\.", option["description"]), option


def test_the_form_keeps_together_what_belongs_together() -> None:
    parameters = metadata.template()["parameters"]
    groups = [one["groupName"] for one in parameters if "groupName" in one]
    assert len(list(itertools.groupby(groups))) == len(set(groups))
    for before, one in itertools.pairwise(parameters):
        if "parentName" in one:
            assert one["parentName"] in (before["name"], before.get("parentName"))
    # What must be filled in comes first.
    optional = [one["isOptional"] for one in parameters]
    assert optional == sorted(optional)


def test_the_template_names_launchers_and_workers_image(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNINFERENCE_METRICS_IMAGE", raising=False)
    assert main(["template", "--image=gcr.io/p/i:1"]) == 0
    spec = json.loads(capsys.readouterr().out)
    assert (spec["image"], spec["sdkInfo"]) == ("gcr.io/p/i:1", {"language": "PYTHON"})
    assert spec["defaultEnvironment"] == {"sdkContainerImage": "gcr.io/p/i:1"}
    assert main(["template"]) == 2
    assert "--image takes the name of an image; got nothing" in capsys.readouterr().err
    # In an image, its own name, which the build put there.
    monkeypatch.setenv("RUNINFERENCE_METRICS_IMAGE", "gcr.io/p/i:2")
    assert main(["template"]) == 0
    assert json.loads(capsys.readouterr().out)["image"] == "gcr.io/p/i:2"
