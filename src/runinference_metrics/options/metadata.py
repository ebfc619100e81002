"""metadata.json: the parameters as gcloud, the service and the Cloud console take them."""

import json
from typing import Any

from runinference_metrics.errors import RunFailed
from runinference_metrics.options.metadata_faults import faults
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.parameters import PARAMETERS


def template() -> dict[str, Any]:
    """The content of metadata.json.

    Raises:
        RunFailed: the service would not take it.
    """
    content = {
        "name": "Text classification with RunInference",
        "description": "Classifies text files with a Hugging Face sequence-classification model "
        "on CPU or GPU workers, and reports what the inference cost.",
        "parameters": [_parameter(one) for one in PARAMETERS if one.in_form],
        "streaming": False,
        "supportsAtLeastOnce": False,
        "supportsExactlyOnce": True,
    }
    found = faults(content)
    if found:
        raise RunFailed(f"metadata.json is wrong: {'; '.join(found)}")
    return content


def spec(image: str) -> dict[str, Any]:
    """The template's file in a bucket, from which gcloud and the console launch.

    As `gcloud dataflow flex-template build` writes it, and the workers' image besides: without that
    Dataflow starts workers on Beam's own image, which has neither torch nor this program.

    Args:
        image: the image of launcher and workers, with a tag or digest.
    """
    return {
        "image": image,
        "metadata": template(),
        "sdkInfo": {"language": "PYTHON"},
        "defaultEnvironment": {"sdkContainerImage": image},
    }


def as_text(content: dict[str, Any]) -> str:
    """The file's text."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _parameter(one: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": one.name,
        "label": one.label,
        "helpText": one.help,
        "paramType": one.kind,
        "isOptional": one.default is not None,
        "groupName": one.group,
    }
    # An empty default is no default: the console shows an empty field either way.
    if one.default:
        described["defaultValue"] = one.default
    if one.regex:
        described["regexes"] = [one.regex]
    if one.kind == "ENUM":
        described["enumOptions"] = [{"value": value, "label": value} for value in one.choices]
    if one.shown_with:
        described["parentName"] = one.shown_with[0]
        described["parentTriggerValues"] = [one.shown_with[1]]
    return described
