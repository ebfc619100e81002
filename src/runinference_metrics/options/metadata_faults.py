"""What is wrong with a metadata.json; gcloud itself lets nearly all of it pass."""

import re
from collections.abc import Iterator
from typing import Any

_TEMPLATE_KEYS = {
    "name", "description", "parameters", "streaming", "supportsAtLeastOnce",
    "supportsExactlyOnce", "defaultStreamingMode",
}  # fmt: skip
_PARAMETER_KEYS = {
    "name", "label", "helpText", "paramType", "isOptional", "defaultValue", "regexes",
    "enumOptions", "groupName", "parentName", "parentTriggerValues", "hiddenUi", "customMetadata",
}  # fmt: skip
_OPTION_KEYS = {"value", "label", "description"}
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
    if not content.get("name") or not isinstance(content["name"], str):
        yield "it has no name"
    for key in ("streaming", "supportsAtLeastOnce", "supportsExactlyOnce"):
        if not isinstance(content.get(key, False), bool):
            yield f"{key} is neither true nor false"
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


def _parameter_faults(one: dict[str, Any], every: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield from (f"unknown key {key!r}" for key in sorted(one.keys() - _PARAMETER_KEYS))
    for key in ("label", "helpText"):
        if not isinstance(one.get(key), str) or not one[key].strip():
            yield f"has no {key}"
    kind = one.get("paramType", "DEFAULT")
    if kind not in _TYPES:
        yield f"unknown paramType {kind!r}"
    for key in ("isOptional", "hiddenUi"):
        if not isinstance(one.get(key, False), bool):
            yield f"{key} is neither true nor false"
    default = one.get("defaultValue")
    if default is not None and not isinstance(default, str):
        yield f"its default {default!r} is no string"
        default = None
    yield from _regex_faults(one.get("regexes", []), default)
    yield from _enum_faults(one, kind, default)
    yield from _parent_faults(one, every)


def _regex_faults(regexes: Any, default: str | None) -> Iterator[str]:
    if not isinstance(regexes, list) or not all(isinstance(one, str) for one in regexes):
        yield "regexes is no list of strings"
        return
    for regex in regexes:
        try:
            pattern = re.compile(regex)
        except re.error as error:
            yield f"the regex {regex!r} does not compile: {error}"
            continue
        if default is not None and not pattern.fullmatch(default):
            yield f"its default {default!r} does not match {regex!r}"


def _enum_faults(one: dict[str, Any], kind: str, default: str | None) -> Iterator[str]:
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
        yield from (f"unknown key {key!r} in an option" for key in option.keys() - _OPTION_KEYS)
    if len(set(values)) < len(values):
        yield "has an option twice"
    if default is not None and default not in values:
        yield f"its default {default!r} is none of its options"


def _parent_faults(one: dict[str, Any], every: dict[str, dict[str, Any]]) -> Iterator[str]:
    parent = one.get("parentName")
    triggers = one.get("parentTriggerValues")
    if (parent is None) != (triggers is None):
        yield "parentName and parentTriggerValues go together"
        return
    if parent is None or not isinstance(triggers, list):
        return
    if parent not in every or parent == one["name"]:
        yield f"its parent {parent!r} is no other parameter"
        return
    options = every[parent].get("enumOptions") or []
    known = [option.get("value") for option in options if isinstance(option, dict)]
    if known and not set(triggers) <= set(known):
        yield f"{triggers} are not all options of {parent}"
