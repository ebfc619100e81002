"""What a service says, as it is kept: in one line, without secrets, and not too long."""

import re

from runinference_metrics.errors import brief
from runinference_metrics.redaction import redact

# Dataflow puts a number of its own before many messages, another each time.
_NUMBER = re.compile(r"^\([0-9a-f]{6,16}\):\s*")


def plain(said: str, longest: int) -> str:
    """A message in one line.

    Args:
        said: the service's words.
        longest: how many characters are kept, of both ends: a traceback ends with its error.
    """
    # A secret that is cut in two is no longer found.
    return brief(redact(_NUMBER.sub("", said.strip())), longest)
