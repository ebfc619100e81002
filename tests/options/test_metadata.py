import copy
import json
import re
from typing import Any

import pytest

from conftest import ROOT
from runinference_metrics.__main__ import main
from runinference_metrics.options import metadata
from runinference_metrics.options.parameters import PARAMETERS


def test_the_file_is_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metadata"]) == 0
    assert capsys.readouterr().out == (ROOT / "metadata.json").read_text(), "run `make metadata`"
    assert metadata.faults(json.loads((ROOT / "metadata.json").read_text())) == []


def test_it_agrees_with_the_programs_own_parameters() -> None:
    described = {one["name"]: one for one in metadata.template()["parameters"]}
    assert list(described) == [parameter.name for parameter in PARAMETERS]
    for parameter in PARAMETERS:
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
                   "gs%3A%2F%2Fb"],
         ["a.txt", "", "gs://", "gs://b/a,/etc/passwd", "s3://b/a", "https://b/a,/etc/passwd"]),
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
        ({"name": "x", "parameters": {}}, "parameters is no list"),
        ({"name": "x", "parameters": [{}]}, "parameter 0 has no name"),
        (broken(color=1), "device: unknown key 'color'"),
        (broken(label=""), "device: has no label"),
        (broken(helpText=None), "device: has no helpText"),
        (broken(paramType="STRING"), "device: unknown paramType 'STRING'"),
        (broken(isOptional="true"), "device: isOptional is neither true nor false"),
        (broken(defaultValue=1), "device: its default 1 is no string"),
        (broken(defaultValue="TPU"), "device: its default 'TPU' is none of its options"),
        (broken(regexes=["["]), "device: the regex '[' does not compile"),
        (broken(regexes=["^G"]), "device: its default 'CPU' does not match '^G'"),
        (broken(regexes="^C"), "device: regexes is no list of strings"),
        (broken(enumOptions=[]), "device: is ENUM without enumOptions"),
        (broken(enumOptions=[{"label": "CPU"}]), "device: has an option without a value"),
        (broken(enumOptions=[{"value": "CPU"}, {"value": "CPU"}]), "device: has an option twice"),
        (broken(enumOptions=[{"value": "CPU", "x": 1}]), "unknown key 'x' in an option"),
        (broken(paramType="TEXT"), "device: has enumOptions, but is TEXT"),
        (broken(paramType="NUMBER"), "device: its default 'CPU' is no number"),
        (broken(paramType="BOOLEAN"), "device: its default 'CPU' is neither true nor false"),
        (broken(parentName="x"), "parentName and parentTriggerValues go together"),
        (broken(parentName="x", parentTriggerValues=["a"]), "its parent 'x' is no other parameter"),
        (broken(parentName="precision", parentTriggerValues=["int4"]), "not all options of precis"),
        (broken(name="model"), "model: is there twice"),
    ],
)
def test_every_fault_is_found(content: Any, fault: str) -> None:
    assert any(fault in one for one in metadata.faults(content)), metadata.faults(content)


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
