"""`template`: the template's file, from which gcloud and the Cloud console launch."""

import os
from collections.abc import Sequence

from runinference_metrics.environment import IMAGE_VARIABLE
from runinference_metrics.errors import UserError
from runinference_metrics.options.command_line import Parser
from runinference_metrics.options.metadata import as_text, spec


def main(argv: Sequence[str]) -> None:
    """`template`: prints the template's file, which `gs://…` takes and gcloud launches from.

    Raises:
        UserError: no image is known.
        RunFailed: the parameters make one that the service would not take.
    """
    parser = Parser(
        prog="runinference_metrics template",
        description="Print the template's file: image, parameters and the workers' image.",
        allow_abbrev=False,
    )
    parser.add_argument("--image", help="the image (default: the one that this runs in)")
    image = parser.parse_args(list(argv)).image or os.environ.get(IMAGE_VARIABLE)
    if not image:
        raise UserError("image", "the name of an image", "nothing, and this is no image")
    print(as_text(spec(image)), end="")
