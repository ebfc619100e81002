"""`run`: text files classified, with metrics and a report."""

from collections.abc import Sequence

from runinference_metrics.options.command_line import parse


def main(argv: Sequence[str]) -> None:
    """`run --input=… --output=…`: classifies text files.

    Raises:
        UserError: a parameter is wrong, or what it names.
        RunFailed: the run failed.
    """
    settings, beam_arguments = parse(argv)
    # Beam and torch take seconds to import: not before the parameters are known to be right.
    from runinference_metrics.running.run import run

    run(settings, beam_arguments)
