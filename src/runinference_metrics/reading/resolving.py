"""From what a user wrote to patterns: names that are there first, then folders, then globs."""

import os

from runinference_metrics.errors import UserError
from runinference_metrics.reading import places
from runinference_metrics.reading.patterns import EVERYTHING, Pattern, alternatives, fixed


class NobodysName(Exception):
    """A name without any wildcard, which nothing has.

    Args:
        pattern: it.
    """

    def __init__(self, pattern: Pattern) -> None:
        super().__init__(pattern.root)
        self.pattern = pattern


def resolve(given: str, output: str = "") -> list[Pattern]:
    """The patterns that a user's text stands for.

    What is there is taken as it is called, whatever its name holds. Else braces stand for their
    alternatives; a folder, or a text that ends in /, for all files below it; and the rest is
    Beam's: `*`, `?`, `[…]` and `**`.

    Args:
        given: an address of files.
        output: the output folder: inside a folder that is input its files are none.

    Raises:
        NobodysName: a name without any wildcard is that of nothing.
        UserError: a name is that of a pipe or a device, or there are too many alternatives.
        OSError: the place cannot be listed.
    """
    result = []
    globs: dict[str, list[str]] = {}
    for text in [given] if "{" not in given or _is_there(given) else alternatives(given):
        root = _literal(text)
        glob = text[len(root) :]
        if glob:
            glob = f"{glob}{EVERYTHING}" if glob.endswith("/") else glob
            globs.setdefault(root, []).append(glob)
        else:
            result.append(_named(given, root, output))
    # What begins alike is listed once.
    return result + [Pattern(given, root, tuple(some)) for root, some in globs.items()]


def _is_there(text: str) -> bool:
    return places.is_there(text) or places.is_folder(text)


def _literal(text: str) -> str:
    """The beginning of a text that means itself: without wildcards, or there by that name."""
    known = 0
    while (at := known + len(fixed(text[known:]))) < len(text):
        # The name in which the wildcard stands.
        end = text.find("/", at)
        if end < 0:
            return text if _is_there(text) else text[:at]
        if not places.is_folder(text[:end]):
            return text[:at]
        known = end + 1
    return text


def _named(given: str, path: str, output: str) -> Pattern:
    """The file or the folder of this name."""
    if places.is_there(path):
        if not places.is_remote(path) and places.file(path).fault:
            raise UserError("input", "files, not pipes or devices", repr(path))
        return Pattern(given, path, ("",))
    if places.is_folder(path):
        root = f"{path.rstrip('/')}/"
        return Pattern(given, root, (EVERYTHING,), _left_out(root, output))
    raise NobodysName(Pattern(given, path, ("",)))


def _left_out(root: str, output: str) -> str:
    """The output folder as paths below `root` begin; "" if it does not lie there."""
    if places.is_remote(root) or places.is_remote(output):
        inside = f"{output.rstrip('/')}/"
        return inside if inside.startswith(root) and inside != root else ""
    folder = os.path.realpath(root).rstrip("/")
    there = os.path.realpath(output)
    if not output or not there.startswith(f"{folder}/"):
        return ""
    return f"{root}{there[len(folder) + 1 :]}/"
