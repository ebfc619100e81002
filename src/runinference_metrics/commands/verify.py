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
        f"{records['dead_lettered']:,} dead-lettered + {records['blank']:,} blank"
    )
    known = "source" not in found.unseen
    of_files = f", of {found.files:,} input {'file' if found.files == 1 else 'files'}" * known
    print(
        f"shards: {found.predictions:,} predictions in {found.shards[PREDICTIONS]:,}, "
        f"{found.dead_letters:,} dead letters in {found.shards[DEAD_LETTERS]:,}{of_files}"
    )
    for difference in found.differences:
        print(redact(f"difference: {difference}"))
    if found.unseen:
        print(f"Not checked, as predictions have no {', '.join(found.unseen)} by --output_fields="
              f"{document['run']['parameters']['output_fields']}: "
              f"{', '.join(found.unchecked)}.")  # fmt: skip
    if found.differences:
        count = len(found.differences)
        raise RunFailed(f"{folder} is not what its metrics.json says: "
                        f"{count:,} {'difference' if count == 1 else 'differences'}")  # fmt: skip
    if found.unseen:
        print("All shards are there, and in all else they agree with metrics.json.")
    else:
        print("The shards are complete, agree with metrics.json, and hold no row twice.")
