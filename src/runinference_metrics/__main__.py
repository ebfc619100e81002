"""The commands: `python -m runinference_metrics run …`, `report …`, `compare …`."""

import atexit
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from runinference_metrics.errors import (
    INTERRUPTED,
    NOT_GOOD_ENOUGH,
    Interrupted,
    RunFailed,
    ThresholdsFailed,
    UserError,
)

USAGE = """usage: python -m runinference_metrics COMMAND

commands:
  run --input=PATTERN --output=FOLDER [parameters] [Beam's own flags]
      classify text files; `run --help` explains every parameter
  check --input=PATTERN [parameters] [Beam's own flags]
      show the input's first rows as a run would read them, and all that would stop a run
  estimate --input=PATTERN [--prices=FILE] [--classify=N] [--runs=FOLDER,…]
      say what a whole input would take and cost on machine types, from a sample of it
  report FOLDER [--prices=FILE] [--thresholds=…] [--history=FILE]
      show a run again from its metrics.json, and write its report.html anew
  report HISTORY.jsonl [--html=FILE]
      show the runs that added a line to this file (run --history=…) over time
  report --job_id=ID --project=P --region=R [--prices=FILE] [--output=FOLDER]
      show what the Dataflow API knows of a job
  compare A B [C ...] [--html=FILE] [--labels=yes] [--flips=FILE]
      put the runs of two or more output folders side by side, figures and labels
  verify FOLDER
      count an output folder's shards again, and compare with its metrics.json
  model SOURCE --output=FOLDER
      make a model's folder that can be run: of the hub (owner/name@revision), a bucket or a folder
  metadata
      print metadata.json, the template's parameters for gcloud and the Cloud console
  template [--image=IMAGE]
      print the template's file, from which gcloud and the Cloud console launch jobs
"""

# Beam stops the servers that it started in well under this.
_EXIT_WITHIN_SECS = 5.0

COMMANDS = (
    "run",
    "check",
    "estimate",
    "report",
    "compare",
    "verify",
    "model",
    "metadata",
    "template",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        0 done, 1 the run failed, 2 the user's input was wrong, 3 it is done and not as good as its
        thresholds say, 130 somebody ended it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        expected = ", ".join(COMMANDS)
        print(f"error: expected a command ({expected}), got {command!r}", file=sys.stderr)
        return 2
    try:
        # Beam and torch take seconds to import: each command imports what it needs itself.
        importlib.import_module(f"runinference_metrics.commands.{command}").main(rest)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED
    except ThresholdsFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_GOOD_ENOUGH
    except RunFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def end(code: int) -> NoReturn:
    """Ends the program.

    Args:
        code: the exit code; after a failure nothing is waited for, since threads of Beam's, or of a
            model's, may be in the middle of something that has no end.
    """
    if code:
        last_resort = threading.Timer(_EXIT_WITHIN_SECS, os._exit, (code,))
        last_resort.daemon = True
        last_resort.start()
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _end_at_sigterm() -> None:
    # The first process of a container ignores SIGTERM unless it says otherwise; `docker stop` would
    # wait ten seconds for it. `run` replaces this while there is something to clean up.
    signal.signal(signal.SIGTERM, lambda *_: end(128 + signal.SIGTERM))


if __name__ == "__main__":
    _end_at_sigterm()
    end(main())
