"""The command line of `run`: from strings to checked settings."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from runinference_metrics.errors import FlagError
from runinference_metrics.options.parameters import PARAMETERS
from runinference_metrics.options.settings import Settings

# What "auto" is, by device. On a CPU 512 sentences are seconds of work. A GPU computes thousands of
# sentences at once, and is waited for once a batch.
AUTO_BATCH_SIZES = {"CPU": (64, 512), "GPU": (1024, 8192)}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are FlagErrors."""

    def error(self, message: str) -> NoReturn:
        raise FlagError(message)


# What a command that takes the parameters does with them.
_DESCRIPTIONS = {
    "run": "Classify text files with Beam's RunInference and report what it cost.",
    "check": "Show the first rows of the input as a run would read them, and all that would stop "
    "a run; nothing is written, and --output may be left out.",
    "estimate": "Say what a whole input would take and cost, from a sample of it; the machine "
    "types of --prices are set side by side, and Beam's --max_num_workers says how many of each. "
    "Nothing else is written, and --output may be left out.",
}


def parser(
    command: str = "run", parents: Sequence[argparse.ArgumentParser] = ()
) -> argparse.ArgumentParser:
    """The command-line parser of a command; its help is the parameters' own.

    Args:
        command: "run", "check" or "estimate".
        parents: parsers of what the command takes besides.
    """
    result = Parser(
        prog=f"runinference_metrics {command}",
        description=f"{_DESCRIPTIONS[command]} "
        "Every flag of Beam's own is accepted too (--runner, --direct_num_workers, --project …).",
        allow_abbrev=False,
        parents=list(parents),
    )
    for parameter in PARAMETERS:
        default = "required" if parameter.default is None else f"default: {parameter.default!r}"
        result.add_argument(
            f"--{parameter.name}",
            # A bare `--overwrite` is what a person types; the launcher sends `--overwrite=true`.
            nargs="?" if parameter.choices == ("true", "false") else None,
            const="true" if parameter.choices == ("true", "false") else None,
            metavar="|".join(parameter.choices) or parameter.name.upper(),
            help=f"{parameter.help} ({default})".replace("%", "%%"),
        )
    return result


def parse(
    argv: Sequence[str],
    command: str = "run",
    optional: Sequence[str] = (),
    parents: Sequence[argparse.ArgumentParser] = (),
) -> tuple[Settings, list[str]]:
    """Splits `argv` into the parameters and the flags that are left for Beam.

    Args:
        argv: the command line behind the command.
        command: "run", "check" or "estimate".
        optional: required parameters that may be left out here, and are "" then.
        parents: parsers of what the command takes besides, and has taken already.

    Returns:
        The checked parameters, and the other flags in their order.

    Raises:
        UserError: a parameter is missing or its value is wrong.
    """
    known, rest = parser(command, parents).parse_known_args(list(argv))
    parsed: dict[str, Any] = {}
    for parameter in PARAMETERS:
        given = getattr(known, parameter.name) or ""
        left_out = parameter.name in optional and not given.strip()
        parsed[parameter.name] = "" if left_out else parameter.value(given)
    smallest, largest = AUTO_BATCH_SIZES[parsed["device"]]
    parsed["max_batch_size"] = parsed["max_batch_size"] or max(
        largest, parsed["min_batch_size"] or 0
    )
    parsed["min_batch_size"] = parsed["min_batch_size"] or min(smallest, parsed["max_batch_size"])
    return Settings(**parsed), rest
