"""What is wrong with a metadata.json; gcloud itself lets nearly all of it pass.

The fields are those of TemplateMetadata, ParameterMetadata and ParameterMetadataEnumOption in the
Dataflow API v1b3, as gcloud 528 knows them. There is no `category`: Google's own templates have one
in a list of their own. Labels, experiments and pipeline options are no fields of metadata.json
either: they stand in the environment of a launch, or in the template's `defaultEnvironment`.
"""

import re
from collections.abc import Iterator
from typing import Any

# What the API takes as text, as true or false, and otherwise.
_TEMPLATE_TEXTS = ("name", "description", "defaultStreamingMode", "yamlDefinition")
_TEMPLATE_SWITCHES = ("streaming", "supportsAtLeastOnce", "supportsExactlyOnce")
_TEMPLATE_KEYS = {*_TEMPLATE_TEXTS, *_TEMPLATE_SWITCHES, "parameters"}
_PARAMETER_TEXTS = (
    "name", "label", "helpText", "paramType", "defaultValue", "groupName", "parentName",
)  # fmt: skip
_PARAMETER_SWITCHES = ("isOptional", "hiddenUi")
_PARAMETER_KEYS = {
    *_PARAMETER_TEXTS, *_PARAMETER_SWITCHES, "regexes", "enumOptions", "parentTriggerValues",
    "customMetadata",
}  # fmt: skip
_OPTION_KEYS = {"value", "label", "description"}
_STREAMING_MODES = ("UNSPECIFIED", "EXACTLY_ONCE", "AT_LEAST_ONCE")
_TYPES = set(
    "DEFAULT TEXT GCS_READ_BUCKET GCS_WRITE_BUCKET GCS_READ_FILE GCS_WRITE_FILE GCS_READ_FOLDER "  # noqa: SIM905
    "GCS_WRITE_FOLDER PUBSUB_TOPIC PUBSUB_SUBSCRIPTION BIGQUERY_TABLE JAVASCRIPT_UDF_FILE "
    "SERVICE_ACCOUNT MACHINE_TYPE KMS_KEY_NAME WORKER_REGION WORKER_ZONE BOOLEAN ENUM NUMBER "
    "KAFKA_TOPIC KAFKA_READ_TOPIC KAFKA_WRITE_TOPIC".split()
)


def faults(content: Any) -> list[str]:
    """What is wrong with a metadata.json; gcloud itself lets nearly all of it pass.

    Args:
        content: the parsed file.

    Returns:
        A sentence for each fault; none when all is well.
    """
    return list(_template_faults(content))


def _template_faults(content: Any) -> Iterator[str]:
    if not isinstance(content, dict):
        yield "it is no object"
        return
    yield from (f"unknown key {key!r}" for key in sorted(content.keys() - _TEMPLATE_KEYS))
    yield from _type_faults(content, _TEMPLATE_TEXTS, _TEMPLATE_SWITCHES)
    if not content.get("name"):
        yield "it has no name"
    yield from _streaming_faults(content)
    parameters = content.get("parameters", [])
    if not isinstance(parameters, list):
        yield "parameters is no list"
        return
    seen: dict[str, dict[str, Any]] = {}
    for position, one in enumerate(parameters):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one["name"]:
            yield f"parameter {position} has no name"
            continue
        if one["name"] in seen:
            yield f"{one['name']}: is there twice"
        seen[one["name"]] = one
    for name, one in seen.items():
        yield from (f"{name}: {fault}" for fault in _parameter_faults(one, seen))


def _type_faults(
    one: dict[str, Any], texts: tuple[str, ...], switches: tuple[str, ...]
) -> Iterator[str]:
    for key in texts:
        if not isinstance(one.get(key, ""), str):
            yield f"{key} {one[key]!r} is no string"
    for key in switches:
        if not isinstance(one.get(key, False), bool):
            yield f"{key} is neither true nor false"


def _streaming_faults(content: dict[str, Any]) -> Iterator[str]:
    mode = content.get("defaultStreamingMode")
    if mode is None:
        return
    if mode not in _STREAMING_MODES:
        yield f"unknown defaultStreamingMode {mode!r}"
    if not all(content.get(key) is True for key in _TEMPLATE_SWITCHES):
        yield "defaultStreamingMode is for a streaming template that supports both modes"


def _parameter_faults(one: dict[str, Any], every: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield from (f"unknown key {key!r}" for key in sorted(one.keys() - _PARAMETER_KEYS))
    yield from _type_faults(one, _PARAMETER_TEXTS, _PARAMETER_SWITCHES)
    for key in ("label", "helpText"):
        if not str(one.get(key) or "").strip():
            yield f"has no {key}"
    kind = one.get("paramType", "DEFAULT")
    if isinstance(kind, str) and kind not in _TYPES:
        yield f"unknown paramType {kind!r}"
    default = one.get("defaultValue")
    default = default if isinstance(default, str) else None
    yield from _regex_faults(one.get("regexes", []), default)
    yield from _enum_faults(one, kind, default)
    yield from _parent_faults(one, every)
    custom = one.get("customMetadata", {})
    if not isinstance(custom, dict) or not _strings(list(custom.values())):
        yield "customMetadata is no object of strings"


# Characters by their code, references back, and whatever begins with (? but a bare group: Google's
# RE2 has some of them not, or writes them otherwise.
_PYTHONS_OWN = re.compile(r"\\[uUxN1-9]|\(\?(?!:)")


def _strings(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(one, str) for one in content)


def _regex_faults(regexes: Any, default: str | None) -> Iterator[str]:
    if not _strings(regexes):
        yield "regexes is no list of strings"
        return
    for regex in regexes:
        try:
            pattern = re.compile(regex)
        except re.error as error:
            yield f"the regex {regex!r} does not compile: {error}"
            continue
        if _PYTHONS_OWN.search(regex):
            yield f"the regex {regex!r} has what not every engine reads as Python does"
        if default is not None and not pattern.fullmatch(default):
            yield f"its default {default!r} does not match {regex!r}"


def _enum_faults(one: dict[str, Any], kind: Any, default: str | None) -> Iterator[str]:
    options = one.get("enumOptions")
    if kind != "ENUM":
        if options is not None:
            yield f"has enumOptions, but is {kind}"
        if kind == "BOOLEAN" and default not in (None, "true", "false"):
            yield f"its default {default!r} is neither true nor false"
        if kind == "NUMBER" and default is not None and not re.fullmatch(r"-?\d+(\.\d+)?", default):
            yield f"its default {default!r} is no number"
        return
    if not isinstance(options, list) or not options:
        yield "is ENUM without enumOptions"
        return
    values = [option.get("value") if isinstance(option, dict) else None for option in options]
    if not all(isinstance(value, str) and value for value in values):
        yield "has an option without a value"
        return
    for option in options:
        yield from (
            f"unknown key {key!r} in an option" for key in sorted(option.keys() - _OPTION_KEYS)
        )
        for key in ("label", "description"):
            if key in option and (not isinstance(option[key], str) or not option[key].strip()):
                yield f"the {key} of its option {option['value']!r} is no text"
    if len(set(values)) < len(values):
        yield "has an option twice"
    # The console shows a value where there is no label.
    shown = [str(option.get("label", option["value"])) for option in options]
    if len(set(shown)) < len(shown):
        yield "has options that look the same"
    if default is not None and default not in values:
        yield f"its default {default!r} is none of its options"


def _parent_faults(one: dict[str, Any], every: dict[str, dict[str, Any]]) -> Iterator[str]:
    parent = one.get("parentName")
    triggers = one.get("parentTriggerValues", [])
    if not _strings(triggers):
        yield "parentTriggerValues is no list of strings"
        return
    if parent is None:
        if triggers:
            yield "parentTriggerValues without parentName"
        return
    if "groupName" in one:
        yield "its groupName has no effect beside parentName"
    if not isinstance(parent, str):
        return
    if parent not in every or parent == one["name"]:
        yield f"its parent {parent!r} is no other parameter"
        return
    options = every[parent].get("enumOptions")
    known = [
        option.get("value")
        for option in (options if isinstance(options, list) else [])
        if isinstance(option, dict)
    ]
    if known and any(trigger not in known for trigger in triggers):
        yield f"{triggers} are not all options of {parent}"
