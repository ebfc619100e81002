"""The documents as a reader's browser takes them: links, headings, and the commands in them."""

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from conftest import ROOT

# Those that are not there yet are left out.
_OTHERS = (
    "SECURITY.md",
    "bench/README.md",
    "models/demo/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
GUIDES = ("README.md", *sorted(str(one.relative_to(ROOT)) for one in (ROOT / "docs").glob("*.md")))
PAGES = (*GUIDES, *(name for name in _OTHERS if (ROOT / name).exists()))
# What a fenced block is: commands, or something to read.
SHELL = "sh"
KINDS = {SHELL, "text", "json", "sql"}


@dataclass(frozen=True)
class Block:
    """A fenced block: what it says it is, its content, and the page's line above it."""

    kind: str
    content: str
    line: int


@dataclass(frozen=True)
class Page:
    """What a page has.

    Args:
        targets: where its links and images lead.
        anchors: its headings' anchors.
        blocks: its fenced blocks.
        codes: what stands in backticks.
    """

    targets: list[str]
    anchors: set[str]
    blocks: list[Block]
    codes: list[str]


@cache
def page(name: str) -> Page:
    """Reads a page, by its path from the project's folder."""
    return parse((ROOT / name).read_text(encoding="utf-8"))


def parse(text: str) -> Page:
    """Reads a page's Markdown."""
    tokens = MarkdownIt("commonmark").enable("table").parse(_without_front_matter(text))
    children = [child for token in tokens for child in token.children or []]
    targets = [
        str(one.attrs[name]) for one in children for name in ("href", "src") if name in one.attrs
    ]
    return Page(
        targets,
        set(_anchors(tokens)),
        [Block(one.info.strip(), one.content, (one.map or [0])[0] + 1)
         for one in tokens if one.type == "fence"],
        [one.content for one in children if one.type == "code_inline"],
    )  # fmt: skip


def _without_front_matter(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)


def _anchors(tokens: list[Token]) -> list[str]:
    """As GitHub makes them: lower case, no punctuation, - for a blank, numbered when repeated."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for heading, inline in itertools.pairwise(tokens):
        if heading.type != "heading_open":
            continue
        text = "".join(one.content for one in inline.children or [])
        anchor = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        times = seen[anchor] = seen.get(anchor, -1) + 1
        found.append(f"{anchor}-{times}" if times else anchor)
    return found


@dataclass(frozen=True)
class Command:
    """A command of a shell block, with its continued lines joined."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands(name: str) -> list[Command]:
    """The commands of a page, in their order."""
    return [
        one for block in page(name).blocks if block.kind == SHELL for one in _commands(name, block)
    ]


def _commands(name: str, block: Block) -> list[Command]:
    found, begun, first = [], "", 0
    for number, line in enumerate(block.content.splitlines(), block.line + 1):
        first = first if begun else number
        begun += line.strip()
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        if begun and not begun.startswith("#"):
            found.append(Command(name, first, begun))
        begun = ""
    return found


def link_faults(name: str, given: Page) -> list[str]:
    """The relative links of a page that lead nowhere, a sentence each."""
    found = []
    for target in given.targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if not file.is_relative_to(ROOT):
            found.append(f"{target} leads out of the project")
        elif not file.exists():
            found.append(f"{target}: there is no such file")
        elif anchor and file.suffix != ".md":
            found.append(f"{target}: only a page has headings")
        elif (
            anchor
            and anchor not in (given if file == ROOT / name else page(_relative(file))).anchors
        ):
            found.append(f"{target}: there is no such heading")
    return found


def _relative(file: Path) -> str:
    return str(file.relative_to(ROOT))
