"""metadata.json: the parameters as gcloud, the service and the Cloud console take them."""

import json
from dataclasses import asdict
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

    As `gcloud dataflow flex-template build` writes it, and two things besides: the workers' image,
    without which Dataflow starts workers on Beam's own, which has neither torch nor this program;
    and what gcloud 528 drops of metadata.json (`streaming`, `supportsAtLeastOnce`,
    `supportsExactlyOnce`, `defaultStreamingMode`).

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
    }
    # An empty default is no default: the console shows an empty field either way.
    if one.default:
        described["defaultValue"] = one.default
    if one.regex:
        described["regexes"] = [one.regex]
    if one.kind == "ENUM":
        described["enumOptions"] = [asdict(option) for option in one.options]
    if one.shown_with:
        # The console shows it below its parent; a group of its own would be ignored.
        described["parentName"] = one.shown_with[0]
        described["parentTriggerValues"] = [one.shown_with[1]]
    else:
        described["groupName"] = one.group
    return described
