"""`model`: a folder that can be run, made of a model of the hub, a bucket or a folder."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from runinference_metrics.bundling.calibration_texts import (
    BUILT_IN,
    MOST_BYTES,
    TAKES,
    CalibrationTexts,
)
from runinference_metrics.errors import UserError, first_line
from runinference_metrics.options import label_names
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.options.sources import local_folder, model_source


def main(argv: Sequence[str]) -> None:
    """`model SOURCE --output=FOLDER [--calibrate=TEXTS]`: makes a model's folder.

    Raises:
        UserError: the source is no model that can be run, the output is taken, or the texts are
            none that can be used.
    """
    parser = Parser(
        prog="runinference_metrics model",
        description="Make a model's folder that can be run: fetched, converted to safetensors and "
        "tokenizer.json, and compared with transformers' own pipeline.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "SOURCE",
        type=model_source,
        help="owner/name of the Hugging Face hub (with @REVISION, else its newest commit), a "
        "folder, a trainer's folder with checkpoints, or gs://BUCKET/FOLDER",
    )
    parser.add_argument(
        "--output", type=local_folder, required=True, help="a new folder on this machine"
    )
    parser.add_argument(
        "--label_names",
        type=label_names.value,
        default="",
        help="names for the labels, in the place of the model's own: 0=neg,1=pos, or a file",
    )
    parser.add_argument(
        "--calibrate",
        type=place("calibrate"),
        default="",
        metavar="TEXTS",
        help="a text file, local or gs://, with a few hundred texts, one a line, from which the "
        "ranges for precision=int8 are found; or builtin, for texts that are here",
    )
    given = parser.parse_args(list(argv))
    names = label_names.inline(given.label_names)
    if given.label_names and names is None:
        path = Path(given.label_names)
        try:
            names = label_names.of_file(path.read_bytes(), given.label_names)
        except OSError as error:
            got = f"{given.label_names!r}: {error.strerror}"
            raise UserError("label_names", "a file that can be read", got) from error
    # transformers takes seconds to import: not before the arguments are known to be right.
    from runinference_metrics.bundling.bundle import bundle

    try:
        texts = _calibration_texts(given.calibrate) if given.calibrate else None
        bundled = bundle(given.SOURCE, Path(given.output), print, names, texts)
    except UserError as error:
        flag = "SOURCE" if error.flag == "model" else error.flag
        raise UserError(flag, error.takes, error.got) from error
    print(f"{bundled.folder}: {len(bundled.digests)} files, {bundled.size_bytes / 1e6:.1f} MB")
    for name, digest in bundled.digests.items():
        print(f"  {digest}  {name}")


def _calibration_texts(given: str) -> CalibrationTexts:
    if given == BUILT_IN:
        return CalibrationTexts.built_in()
    # Beam, which reads a bucket's, takes seconds to import.
    from runinference_metrics.reading.files import open_raw

    try:
        with open_raw(given) as stream:
            start = stream.read(MOST_BYTES)
    except Exception as error:
        raise UserError("calibrate", TAKES, f"{given!r}: {first_line(error)}") from error
    return CalibrationTexts.of_file(start, PurePosixPath(given).name)
