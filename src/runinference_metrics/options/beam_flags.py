"""The flags that are Beam's own, checked as strictly as the parameters."""

import contextlib
import difflib
import logging
from collections.abc import Sequence
from typing import Any, NoReturn

from apache_beam.options import pipeline_options as module
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions

from runinference_metrics.errors import FlagError
from runinference_metrics.options.labels import labels
from runinference_metrics.options.parameters import PARAMETERS

_LOG = logging.getLogger(__name__)


def parse(arguments: Sequence[str]) -> PipelineOptions:
    """The options that Beam makes of these flags.

    Raises:
        FlagError: a flag has a wrong value, or is unknown (Beam itself would only warn).
    """
    unknown = _unknown_flags(arguments)
    launched = any(one.startswith("--template_location") for one in arguments)
    if unknown and launched:
        # The service may send flags that this Beam does not know; they must not stop a launch.
        _LOG.warning("Beam does not know these flags, and ignores them: %s", " ".join(unknown))
    elif unknown:
        raise unknown_flag(unknown[0], _known_flags())
    result = PipelineOptions(list(arguments))
    # Everything is imported from the installed package; pickling main would only add trouble.
    result.view_as(SetupOptions).save_main_session = False
    cloud = result.view_as(GoogleCloudOptions)
    cloud.labels = [f"{key}={value}" for key, value in labels(cloud.labels or []).items()] or None
    return result


def _parser() -> Any:
    class Parser(module._BeamArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise FlagError(message)

    parser = Parser(allow_abbrev=False)
    for one in PipelineOptions.__subclasses__():
        with contextlib.suppress(Exception):
            one._add_argparse_args(parser)
    return parser


def _unknown_flags(arguments: Sequence[str]) -> list[str]:
    return list(_parser().parse_known_args(list(arguments))[1])


def _known_flags() -> list[str]:
    return [flag.lstrip("-") for action in _parser()._actions for flag in action.option_strings]


def unknown_flag(argument: str, beam_flags: Sequence[str]) -> FlagError:
    """The error for an argument that neither this project nor Beam knows, with a suggestion."""
    flag = argument.split("=")[0]
    known = [parameter.name for parameter in PARAMETERS] + list(beam_flags)
    close = difflib.get_close_matches(flag.lstrip("-"), known, n=1)
    hint = f"; did you mean --{close[0]}?" if close else "; run --help lists the parameters"
    return FlagError(f"{flag} is no parameter of this program and no flag of Beam's{hint}")
