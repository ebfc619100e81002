"""The values of Beam's own flags, each checked before a pipeline is built.

Beam's parser takes most values as they come; what is wrong with them shows much later, as a
traceback out of a runner.
"""

import argparse
import importlib
import json
import logging
import os
import re
from urllib.parse import urlsplit

from apache_beam.options import pipeline_options
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.runner import PipelineRunner
from apache_beam.transforms.environments import Environment
from apache_beam.transforms.resources import parse_resource_hints
from apache_beam.utils.secret import Secret

from runinference_metrics.options.beam_kinds import (
    LARGEST,
    Kind,
    by_type,
    file,
    matching,
    one_of,
    whole_number,
)
from runinference_metrics.options.labels import TAKES as LABELS
from runinference_metrics.options.labels import labels

# More threads or processes than any machine has cores; each takes memory of its own.
_MOST_LOCAL_WORKERS = 1024
_LARGEST_PORT = 65_535
_ENVIRONMENTS = ("DOCKER", "PROCESS", "EXTERNAL", "LOOPBACK")
_PACKAGES = (".tar", ".tar.gz", ".whl", ".zip")


def kind(action: argparse.Action) -> Kind:
    """The kind of value that a flag takes."""
    return _KINDS.get(action.dest) or by_type(action)


def _names(text: str) -> str:
    found = json.loads(text).items()
    if not all(isinstance(value, str) for _, value in found):
        raise ValueError(text)
    return text


def _level(text: str) -> str:
    if not text.isdecimal() and not isinstance(getattr(logging, text, None), int):
        raise ValueError(text)
    return text


def _levels(text: str) -> str:
    for level in json.loads(text).values():
        _level(str(level))
    return text


def _workers(text: str) -> str | None:
    # In the API a number that nobody gave is 0.
    return _NUMBER_OF_WORKERS.parse(text) if int(text) else None


def _label(text: str) -> str:
    labels([text])
    return text


def _resource_hint(text: str) -> str:
    name, _, value = text.partition("=")
    parse_resource_hints({name: value})
    return text


def _type_checks(text: str) -> str:
    if set(filter(None, text.split(","))) - {"all", *pipeline_options.additional_type_checks}:
        raise ValueError(text)
    return text


def _secret(text: str) -> str:
    Secret.parse_secret_option(text)
    return text


def _image_override(text: str) -> str:
    pattern, comma, image = text.partition(",")
    re.compile(pattern)
    if not comma or not image.strip():
        raise ValueError(text)
    return text


def _environment_type(text: str) -> str:
    if text.startswith("beam:env:"):
        Environment.get_env_cls_from_urn(text)
        return text
    return str(one_of(_ENVIRONMENTS).parse(text))


def _job_endpoint(text: str) -> str:
    return text if text == "embed" else _host_and_port(text)


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or "/" in host or not 0 < int(port) <= _LARGEST_PORT:
        raise ValueError(text)
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(text)
    return text


def _runner(text: str) -> str:
    """The runner's name as Beam writes it, which tells also whether a run is local."""
    known = {path.rpartition(".")[2].lower(): path for path in StandardOptions.ALL_KNOWN_RUNNERS}
    name = text.rpartition(".")[2].lower() if text in known.values() else text.lower()
    path = known.get(name) or known.get(f"{name}runner") or text
    module, _, name = path.rpartition(".")
    # Not every runner is installed.
    if not issubclass(getattr(importlib.import_module(module), name), PipelineRunner):
        raise ValueError(text)
    return name if path in known.values() else path


def _refused(text: str) -> str:
    raise ValueError(text)


def _is_package(text: str) -> bool:
    return os.path.isfile(text) and text.endswith(_PACKAGES)


def _is_setup(text: str) -> bool:
    return os.path.isfile(text) and os.path.basename(text) in ("setup.py", "pyproject.toml")


def _is_folder_to_be(text: str) -> bool:
    return text == "skip" or os.path.isdir(text) or not os.path.exists(text)


def _is_sdk(text: str) -> bool:
    return text in ("default", "container") or os.path.exists(text)


_JAR = file("a .jar file that is there, or the address of one", remote=True)
_OPTION = matching(
    r"[\w.:/-]+(=.*)?(,\s*[\w.:/-]+(=.*)?)*,?", "NAME or NAME=VALUE, several separated by commas"
)
_PORT = whole_number(0, _LARGEST_PORT)
_NUMBER_OF_WORKERS = whole_number(0, LARGEST, said=" (the service chooses)")
# By the name of the option. Whatever is not here is checked by its type alone.
_KINDS: dict[str, Kind] = {
    "runner": Kind(
        "DirectRunner, DataflowRunner, or another of Beam's runners that is installed",
        _runner,
    ),
    "direct_num_workers": whole_number(0, _MOST_LOCAL_WORKERS, said=" (one a core)"),
    "num_workers": Kind(_NUMBER_OF_WORKERS.takes, _workers),
    "max_num_workers": Kind(_NUMBER_OF_WORKERS.takes, _workers),
    "job_server_timeout": whole_number(1, LARGEST),
    "job_port": _PORT,
    "artifact_port": _PORT,
    "expansion_port": _PORT,
    "labels": Kind(LABELS, _label),
    "experiments": _OPTION,
    "dataflow_service_options": _OPTION,
    "gcs_custom_audit_entries": Kind("key=value, or (…_entries) a JSON object of texts", str),
    "resource_hints": Kind("NAME=VALUE with a hint of Beam's, as min_ram=8GB", _resource_hint),
    "transform_name_mapping": Kind('a JSON object of names, as {"old": "new"}', _names),
    "sdk_harness_log_level_overrides": Kind('a JSON object, as {"module": "DEBUG"}', _levels),
    "default_sdk_harness_log_level": Kind("a level such as INFO, or its number", _level),
    "type_check_additional": Kind("all or ptransform_fn", _type_checks),
    "update_compatibility_version": matching(r"\d+(\.\d+)*", "a version such as 2.70.0"),
    "gbek": Kind("type:GcpSecret;version_name:NAME", _secret),
    "sdk_harness_container_image_overrides": Kind("a regular expression, a comma, an image",
                                                  _image_override),
    "environment_type": Kind(f"one of {', '.join(_ENVIRONMENTS)}", _environment_type),
    "environment_options": matching(
        r"(docker_container_image|process_command|process_variables|external_service_address)=.+",
        "docker_container_image=…, process_command=…, process_variables=… or "
        "external_service_address=…",
    ),
    "job_endpoint": Kind("embed, or host:port such as localhost:8099", _job_endpoint),
    "artifact_endpoint": Kind("host:port such as localhost:8098", _host_and_port),
    "dataflow_endpoint": Kind("an address such as https://dataflow.googleapis.com", _url),
    "prebuild_sdk_container_engine": one_of(("local_docker", "cloud_build")),
    "setup_file": file("a file named setup.py or pyproject.toml that is there", _is_setup),
    "requirements_file": file("a file that is there"),
    "requirements_cache": file("a folder, or skip", _is_folder_to_be),
    "extra_packages": file(f"a {', '.join(_PACKAGES)} file that is there", _is_package, True),
    "files_to_stage": file("a file that is there"),
    "sdk_location": file("default, or a file that is there", _is_sdk, remote=True),
    "prism_location": file("a program that is there, or the address of one", remote=True),
    "flink_job_server_jar": _JAR,
    "spark_job_server_jar": _JAR,
    "kafka_streams_job_server_jar": _JAR,
    "on_success_matcher": Kind("nothing: it is for Beam's own tests", _refused),
}  # fmt: skip
