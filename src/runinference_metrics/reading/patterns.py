"""What a user calls his files: text that stands for itself, then globs as Beam has them."""

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from apache_beam.io.filesystem import FileSystem

from runinference_metrics.errors import UserError

# Why a file is no data, as short names; they stand in what a run says and in metrics.json.
HIDDEN = "hidden"
FOLDER = "folder"
CHECKSUM = "checksum"
LEFTOVER = "left over"
OUTPUT = "output"

# All that a folder holds, in its sub-folders too.
EVERYTHING = "**"
# Each is a listing of its own in the worst case, and all of them travel with the job.
MOST_ALTERNATIVES = 1000

_WILDCARD = re.compile(r"[*?[]")
# What Hadoop's tools leave in buckets in place of folders.
_FOLDER_MARK = "_$folder$"
_CRC = ".crc"
# What systems, editors and runs that were cut off leave beside files: of Windows, of Office's open
# documents, of Emacs and others, of Beam.
_LEFTOVERS = re.compile(
    r"/(?:(?:Thumbs\.db|desktop\.ini|~\$[^/]*|[^/]*~|#[^/]*#)$|beam-temp-[^/]*/)"
)


@dataclass(frozen=True)
class Pattern:
    """Files by their names.

    Args:
        given: what the user wrote.
        root: the beginning of their paths, in which no letter means more than itself.
        globs: what may follow it, in Beam's own syntax; an empty one alone is the file `root`.
        left_out: the folder, ending in /, whose files are results of the run and no input; "" if
            there is none.
    """

    given: str
    root: str
    globs: tuple[str, ...]
    left_out: str = ""

    @property
    def exact(self) -> bool:
        """Whether this is one file's whole name."""
        return self.globs == ("",)

    @property
    def levels(self) -> float:
        """How many folders below that of `root` its files can lie."""
        # Beam's ? and sets take a slash as any letter.
        return max(
            math.inf if EVERYTHING in glob else len(re.findall(r"[/?[]", glob))
            for glob in self.globs
        )

    def matches(self, path: str) -> bool:
        """Whether the name fits, whatever is there."""
        if not path.startswith(self.root):
            return False
        at = len(self.root)
        return any(glob.match(path, at) for glob in _compiled(self.globs))

    def skips(self, path: str) -> str:
        """Why a file of this name, which matches, is no data; "" if it is.

        What the user named himself is data: `in/_part*` takes `in/_part-0`, and `in/*.crc` sums.
        """
        if self.exact:
            return ""
        if path.endswith(("/", _FOLDER_MARK)):
            return FOLDER
        if self.left_out and path.startswith(self.left_out):
            return OUTPUT
        if path.lower().endswith(_CRC) and not self._asks_for(_CRC):
            return CHECKSUM
        if _LEFTOVERS.search(f"/{path}", len(self.root)) and not self._asks_for("~"):
            return LEFTOVER
        # Behind a slash of its own, so that a name at the very beginning has one before it too.
        return HIDDEN if _hidden(self.globs).search(f"/{path}", len(self.root)) else ""

    def _asks_for(self, ending: str) -> bool:
        return any(glob.lower().endswith(ending) for glob in self.globs)


def fixed(text: str) -> str:
    """The beginning of a text in which no letter means more than itself."""
    return _WILDCARD.split(text, maxsplit=1)[0]


def alternatives(text: str) -> list[str]:
    """All that a text with {a,b} stands for, in the order written; nested ones too.

    Braces without a comma, and those without their other half, stand for themselves.

    Raises:
        UserError: there are too many.
    """
    found = [""]
    for part in _parts(text):
        found = [one + choice for one in found for choice in part]
        if len(found) > MOST_ALTERNATIVES:
            takes = f"patterns whose braces stand for up to {MOST_ALTERNATIVES:,} others"
            raise UserError("input", takes, f"{text!r}: write * for some of them")
    return found


def _parts(text: str) -> Iterator[list[str]]:
    """The text from one brace to the next; each piece has one choice or several."""
    start = 0
    while (opened := text.find("{", start)) >= 0:
        choices, end = _choices(text, opened)
        if len(choices) < 2:
            # No list: the brace stands for itself, and what it holds may still hold one.
            yield [text[start : opened + 1]]
            start = opened + 1
            continue
        yield [text[start:opened]]
        yield [one for choice in choices for one in alternatives(choice)]
        start = end
    yield [text[start:]]


def _choices(text: str, opened: int) -> tuple[list[str], int]:
    """What stands between a brace's commas, and where the brace ends; nothing if it does not."""
    depth, found = 0, [""]
    for at in range(opened, len(text)):
        letter = text[at]
        depth += (letter == "{") - (letter == "}")
        if not depth:
            return found, at + 1
        if letter == "," and depth == 1:
            found.append("")
        elif at > opened:
            found[-1] += letter
    return [], opened


@lru_cache
def _compiled(globs: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    found = []
    for glob in globs:
        try:
            with warnings.catch_warnings():
                # Python means to give [[ and [a--b] a new meaning one day.
                warnings.simplefilter("ignore", FutureWarning)
                found.append(re.compile(FileSystem.translate_pattern(glob)))
        except re.error:
            raise UserError("input", "patterns with sets such as [a-z] and [0-9]",
                            f"{glob!r}: write ? for any letter") from None  # fmt: skip
    return tuple(found)


@lru_cache
def _hidden(globs: tuple[str, ...]) -> re.Pattern[str]:
    """What finds a hidden name in a path, but for the beginnings that the user wrote himself."""
    written = sorted({fixed(name) for glob in globs for name in glob.split("/")})
    named = [re.escape(name) for name in written if name[:1] in (".", "_") and name]
    return re.compile(rf"/(?!{'|'.join(named)})[._]" if named else "/[._]")
