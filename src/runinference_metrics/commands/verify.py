"""`verify`: an output folder's shards counted again, against its metrics.json."""

from collections.abc import Sequence

from runinference_metrics.commands.recount import verify
from runinference_metrics.errors import RunFailed
from runinference_metrics.options.addresses import place
from runinference_metrics.options.command_line import Parser
from runinference_metrics.redaction import redact
from runinference_metrics.writing.folder import DEAD_LETTERS, PREDICTIONS


def main(argv: Sequence[str]) -> None:
    """`verify FOLDER`: recounts a folder's shards against its metrics.json.

    Raises:
        UserError: there is no metrics.json that can be read.
        RunFailed: the shards are not what metrics.json says.
    """
    parser = Parser(
        prog="runinference_metrics verify",
        description="Count an output folder's shards again, and compare with its metrics.json.",
        allow_abbrev=False,
    )
    parser.add_argument("FOLDER", type=place("FOLDER"), help="an output folder, local or gs://")
    folder = parser.parse_args(list(argv)).FOLDER
    document, found = verify(folder)
    records, files = document["records"], document["files"]
    if files:
        print(
            f"metrics.json: {files['found']:,} files found = {files['read']:,} read + "
            f"{files['skipped']:,} skipped + {files['failed']:,} failed"
        )
    print(
        f"metrics.json: {records['read']:,} rows read = {records['predicted']:,} predicted + "
        f"{records['dead_lettered']:,} dead-lettered + {records['blank']:,} blank\n"
        f"shards: {found.predictions:,} predictions in {found.shards[PREDICTIONS]:,}, "
        f"{found.dead_letters:,} dead letters in {found.shards[DEAD_LETTERS]:,}, "
        f"of {found.files:,} input {'file' if found.files == 1 else 'files'}"
    )
    for difference in found.differences:
        print(redact(f"difference: {difference}"))
    if found.differences:
        count = len(found.differences)
        raise RunFailed(f"{folder} is not what its metrics.json says: "
                        f"{count:,} {'difference' if count == 1 else 'differences'}")  # fmt: skip
    if found.unseen:
        left_out = ", ".join(found.unseen)
        twice = "" if found.has_keys else " Whether a row is there twice is not known."
        print(f"The shards are complete, and agree with metrics.json as far as can be seen: by "
              f"--output_fields predictions have no {left_out}.{twice}")  # fmt: skip
        return
    print("The shards are complete, agree with metrics.json, and hold no row twice.")
