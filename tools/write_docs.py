"""Writes the documents, or parts of them, that come from the program's own tables: `make docs`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import rooms
from runinference_metrics.options import parameters_page

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Document:
    """A file that is written, whole or in part.

    Args:
        path: the file, from the project's folder.
        content: gives what is written.
        part: the name of the part that is replaced, which stands between the lines
            `<!-- begin NAME -->` and `<!-- end NAME -->`; None means the whole file.
    """

    path: str
    content: Callable[[], str]
    part: str | None = None

    def text(self, root: Path = ROOT) -> str:
        """What the file is to hold.

        Args:
            root: the project's folder.

        Raises:
            ValueError: the file has no such part, or has it twice.
        """
        content = self.content()
        if self.part is None:
            return content
        begin, end = f"<!-- begin {self.part} -->\n", f"<!-- end {self.part} -->\n"
        old = (root / self.path).read_text(encoding="utf-8")
        before, _, rest = old.partition(begin)
        _, _, after = rest.partition(end)
        if old.count(begin) != 1 or old.count(end) != 1 or end not in rest:
            raise ValueError(f"{self.path} needs the lines {begin.strip()} and {end.strip()}, once")
        return f"{before}{begin}{content.rstrip()}\n{end}{after}"


DOCUMENTS = (
    Document("docs/parameters.md", parameters_page.page),
    Document("CONTRIBUTING.md", rooms.house_map, part="map"),
)


def main() -> None:
    """Writes every document anew."""
    for document in DOCUMENTS:
        # Made whole before the file is opened: a fault leaves the old text.
        text = document.text()
        (ROOT / document.path).write_text(text, encoding="utf-8")
        print(document.path)


if __name__ == "__main__":
    main()
