"""`metadata`: metadata.json, the template's parameters."""

from collections.abc import Sequence

from runinference_metrics.options.command_line import Parser
from runinference_metrics.options.metadata import as_text, template


def main(argv: Sequence[str]) -> None:
    """`metadata`: prints the template's metadata.json.

    Raises:
        RunFailed: the parameters make one that the service would not take.
    """
    Parser(prog="runinference_metrics metadata", allow_abbrev=False).parse_args(list(argv))
    print(as_text(template()), end="")
