"""The flags that are Beam's own, checked as strictly as the parameters."""

import argparse
import contextlib
import difflib
import json
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from apache_beam.options import pipeline_options as module
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    TypeOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

from runinference_metrics.errors import FlagError, UserError, one_line
from runinference_metrics.options.beam_values import kind
from runinference_metrics.options.labels import labels
from runinference_metrics.options.parameters import PARAMETERS

_LOG = logging.getLogger(__name__)


def parse(arguments: Sequence[str]) -> PipelineOptions:
    """The options that Beam makes of these flags.

    A flag with an empty value is left out, as if it had not been given; spaces around a value are
    cut.

    Raises:
        FlagError: a flag has a wrong value, or is unknown (Beam itself would only warn).
    """
    parser = _parser()
    tidy = list(_tidy(arguments, parser))
    unknown = list(parser.parse_known_args(tidy)[1])
    launched = any(one.startswith("--template_location=") for one in tidy)
    if unknown and launched:
        # The service may send flags that this Beam does not know; they must not stop a launch.
        _LOG.warning("Beam does not know these flags, and ignores them: %s", " ".join(unknown))
    elif unknown:
        raise unknown_flag(unknown[0], [flag.lstrip("-") for flag in _actions(parser)])
    result = PipelineOptions(tidy)
    # Everything is imported from the installed package; pickling main would only add trouble.
    result.view_as(SetupOptions).save_main_session = False
    cloud = result.view_as(GoogleCloudOptions)
    cloud.labels = [f"{key}={value}" for key, value in labels(cloud.labels or []).items()] or None
    _check_types(result.view_as(TypeOptions))
    _check_environment(result.view_as(PortableOptions))
    # Without a runner: what a service's needs is checked where a service is known to be meant.
    if wrong := PipelineOptionsValidator(result, None).validate():
        raise FlagError(one_line(wrong[0]).replace("Option ", "--", 1))
    return result


class _Parser(module._BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise FlagError(message)


def _parser() -> _Parser:
    parser = _Parser(allow_abbrev=False)
    for one in PipelineOptions.__subclasses__():
        with contextlib.suppress(Exception):
            one._add_argparse_args(parser)
    return parser


def _actions(parser: _Parser) -> dict[str, argparse.Action]:
    return {flag: action for action in parser._actions for flag in action.option_strings}


def _tidy(arguments: Sequence[str], parser: _Parser) -> Iterator[str]:
    """The flags in one form, `--flag` or `--flag=value`, each with a value that it takes."""
    known = _actions(parser)
    left = deque(arguments)
    while left:
        given = left.popleft()
        flag, equals, value = given.partition("=")
        action = known.get(flag)
        if action is None:
            yield given
        elif action.nargs == 0:
            yield from _switch(flag, action, value.strip(), parser) if equals else [flag]
        elif not equals and (not left or left[0].startswith("--")):
            raise UserError(flag[2:], kind(action).takes, "nothing")
        else:
            yield from _valued(flag, action, value if equals else left.popleft())


def _switch(flag: str, action: argparse.Action, value: str, parser: _Parser) -> Iterator[str]:
    """A flag without a value, which a launcher writes as true or false."""
    if value.lower() == "true":
        yield flag
    elif value.lower() == "false":
        others = [one for one in parser._actions if one.dest == action.dest and one is not action]
        if not others and action.default == action.const:
            raise UserError(flag[2:], "true or no value", repr(value))
        yield from (other.option_strings[0] for other in others)
    elif value:
        raise UserError(flag[2:], "true, false or no value", repr(value))


def _valued(flag: str, action: argparse.Action, given: str) -> Iterator[str]:
    value = given.strip()
    if not value:
        return
    try:
        taken = kind(action).parse(value)
        if taken is not None:
            # What Beam's own actions find wrong.
            one = _Parser(allow_abbrev=False, add_help=False)
            one._add_action(action)
            one.parse_args([f"{flag}={taken}"])
            yield f"{flag}={taken}"
    except Exception as error:
        raise UserError(flag[2:], kind(action).takes, repr(given)) from error


def _check_types(types: TypeOptions) -> None:
    """Raises FlagError for a check of types that Beam's own transforms do not pass."""
    for flag, on in (
        ("runtime_type_check", types.runtime_type_check),
        ("performance_runtime_type_check", types.performance_runtime_type_check),
        ("type_check_strictness=ALL_REQUIRED", types.type_check_strictness == "ALL_REQUIRED"),
    ):
        if on:
            raise FlagError(
                f"--{flag} fails in Beam's own transforms, here as elsewhere: leave it out"
            )


def _check_environment(portable: PortableOptions) -> None:
    """Raises UserError when the environment's configuration does not fit its type."""
    name = {"PROCESS": "command", "EXTERNAL": "url"}.get(portable.environment_type or "")
    if not name or portable.environment_options:
        return
    config = portable.environment_config
    found: Any = None
    with contextlib.suppress(ValueError, TypeError):
        found = json.loads(config)
    if name == "url" and config and not config.startswith("{"):
        return
    if not isinstance(found, dict) or not isinstance(found.get(name), str):
        takes = f'{{"{name}": "…"}} as JSON with --environment_type={portable.environment_type}'
        raise UserError("environment_config", takes, repr(config) if config else "nothing")


def unknown_flag(argument: str, beam_flags: Sequence[str]) -> FlagError:
    """The error for an argument that neither this project nor Beam knows, with a suggestion."""
    flag = argument.split("=")[0]
    if not flag.startswith("-"):
        return FlagError(f"{argument!r} belongs to no flag: write --flag=value, without spaces")
    known = [parameter.name for parameter in PARAMETERS] + list(beam_flags)
    close = difflib.get_close_matches(flag.lstrip("-"), known, n=1)
    hint = f"; did you mean --{close[0]}?" if close else "; run --help lists the parameters"
    return FlagError(f"{flag} is no parameter of this program and no flag of Beam's{hint}")
