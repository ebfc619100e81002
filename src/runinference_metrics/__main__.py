"""The commands: `python -m runinference_metrics run …`."""

import sys
from collections.abc import Sequence

from runinference_metrics.errors import RunFailed, UserError

USAGE = """usage: python -m runinference_metrics COMMAND

commands:
  run --input=PATTERN --output=FOLDER [parameters] [Beam's own flags]
      classify text files; `run --help` explains every parameter
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0 done, 1 the run failed, 2 the user's input was wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    if arguments[0] != "run":
        print(f"error: expected the command run, got {arguments[0]!r}", file=sys.stderr)
        return 2
    try:
        # Beam and torch take seconds to import: not before they are needed.
        from runinference_metrics import options

        settings, rest = options.parse(arguments[1:])
        from runinference_metrics.run import run

        run(settings, rest)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
