"""A history of runs, a JSON line each: a run adds its line, and all of them are read back."""

from collections.abc import Iterable
from dataclasses import dataclass

from runinference_metrics.errors import RunFailed, first_line
from runinference_metrics.records.history import History, PastRun
from runinference_metrics.writing import appending, documents

# Where a first run would be: its line has some 8 KB, 64 KB with a hundred labels.
_BEGINNING_BYTES = 1 << 20
# Of a bucket's object a line more means to write it anew: within a second, and in memory.
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class HistoryFile:
    """A history in a file.

    Args:
        path: the file, local or gs://.
    """

    path: str

    def add(self, run: PastRun) -> None:
        """Adds a run; raises RunFailed when that cannot be done."""
        append(self.path, run)


def append(path: str, run: PastRun) -> bool:
    """Adds a run to a history, unless it is there already.

    Args:
        path: the history, local or gs://; it is made if there is none.
        run: a run whose results are written.

    Returns:
        Whether it was added.

    Raises:
        RunFailed: it cannot be.
    """

    def is_there(lines: Iterable[bytes]) -> bool:
        return any(_is_of(line, run) for line in lines)

    try:
        return appending.append(path, run.as_line(), is_there)
    except Exception as error:
        raise RunFailed(
            f"The run's line could not be added to {path} ({first_line(error)}); results and "
            "metrics.json are written. Once that is mended, add it with `report "
            f"{run.output} --history={path}`."
        ) from error


def _is_of(line: bytes, run: PastRun) -> bool:
    # Most lines need not be read for it.
    if run.fingerprint.encode() not in line:
        return False
    found = PastRun.parse(line)
    return found is not None and found.key == run.key


def read(path: str, flag: str) -> History:
    """Reads a history; raises UserError when it cannot be read."""
    return History.of_lines(documents.content(path, flag).split(b"\n"))


def beginning(path: str) -> tuple[History, int] | None:
    """The first runs of a history, and its size in bytes; None where there is no file yet.

    Raises:
        Exception: it cannot be read.
    """
    found = appending.beginning(path, _BEGINNING_BYTES)
    if found is None:
        return None
    content, size = found
    lines = content.split(b"\n")
    # The last line of a part is none.
    return History.of_lines(lines[:-1] if size > len(content) else lines), size
