"""The rooms of the house, who may import whom, and a check that the code keeps to it.

    python tools/rooms.py        says which import crosses which wall

A room is a module or a package of src/runinference_metrics. `ROOMS` is the only place where their
order is written down: the test of the walls reads it, and the map in CONTRIBUTING.md is made of it.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "runinference_metrics"
SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

# From the ground up: each room with the rooms that it may import, all of them above it here.
ROOMS: dict[str, tuple[str, ...]] = {
    "redaction": (),
    "errors": (),
    "environment": (),
    "bigquery": (),
    "options": ("bigquery", "environment"),
    "records": (),
    "models": ("environment",),
    "reading": ("bigquery", "records"),
    "recovery": ("records",),
    "classifier": ("models", "records", "recovery"),
    "bundling": ("classifier", "models"),
    "inference": ("classifier", "models", "options", "records", "recovery"),
    "metrics": ("records",),
    "report": ("records",),
    "writing": ("bigquery", "metrics", "records", "report"),
    "dataflow": ("bigquery", "environment", "metrics", "options", "records"),
    "pipeline": ("bigquery", "inference", "metrics", "options", "reading", "records", "writing"),
    "running": (
        "bigquery", "bundling", "classifier", "dataflow", "environment", "inference", "metrics",
        "models", "options", "pipeline", "reading", "records", "report", "writing",
    ),
    "commands": (
        "bigquery", "bundling", "dataflow", "environment", "metrics", "options", "reading",
        "report", "running", "writing",
    ),
    "__main__": ("commands",),
}  # fmt: skip
# Every room may import these.
EVERYBODYS = ("errors", "redaction")
# The libraries that take seconds to import, and the rooms that may: the others stay quick to start
# and can be tested without them.
HEAVY: dict[str, tuple[str, ...]] = {
    "torch": ("classifier", "bundling"),
    "transformers": ("classifier", "bundling"),
    "apache_beam": (
        "options", "reading", "inference", "metrics", "writing", "dataflow", "pipeline", "running",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import.

    Args:
        file: the module that imports.
        line: where, from 1.
        target: what is imported, name by name from the top, as ("os", "path").
    """

    file: Path
    line: int
    target: tuple[str, ...]


@dataclass(frozen=True)
class House:
    """The package as it stands.

    Args:
        source: its folder.
    """

    source: Path

    @cached_property
    def files(self) -> list[Path]:
        """All modules."""
        return sorted(self.source.rglob("*.py"))

    @cached_property
    def rooms(self) -> set[str]:
        """All rooms that there are."""
        return {self.room_of(file) for file in self.files} - {""}

    @cached_property
    def imports(self) -> list[Import]:
        """Every import of every module, also inside of functions."""
        found = []
        for file in self.files:
            above = (PACKAGE, *file.relative_to(self.source).parent.parts)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
                for target in _targets(node, above):
                    found.append(Import(file, node.lineno, target))  # type: ignore[attr-defined]
        return found

    @cached_property
    def doors(self) -> dict[str, tuple[str, ...]]:
        """The modules that each room offers; a room that is one module is not in it."""
        return {
            room: self._doors(self.source / room / "__init__.py")
            for room in self.rooms
            if (self.source / room).is_dir()
        }

    def _doors(self, init: Path) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for node in ast.parse(init.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found = tuple(ast.literal_eval(node.value))
        return found

    def room_of(self, file: Path) -> str:
        """The room in which a module stands; empty for the package's own `__init__`."""
        name = file.relative_to(self.source).with_suffix("").parts[0]
        return "" if name == "__init__" else name

    def purpose(self, room: str) -> str:
        """What happens in a room, as its docstring says, in one line."""
        init = self.source / room / "__init__.py"
        file = init if init.is_file() else self.source / f"{room}.py"
        said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        return " ".join(said.split("\n\n")[0].split())


def _targets(node: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What a statement imports; `above` is the package in which its module stands."""
    if isinstance(node, ast.Import):
        yield from (tuple(name.name.split(".")) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = above[: len(above) + 1 - node.level] if node.level else ()
        start = (*start, *(node.module or "").split(".")) if node.module else start
        yield from ((*start, name.name) for name in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        # As far as it is written down: f"package.room.{name}" imports something of the room.
        first = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
        if isinstance(first, ast.Constant):
            yield tuple(part for part in str(first.value).split(".") if part)


def crossings(source: Path = SOURCE) -> list[str]:
    """What is not as the table says, a sentence each; none when all walls hold.

    Args:
        source: the package's folder.
    """
    house = House(source)
    there = house.rooms
    found = [f"{room} is not in ROOMS of tools/rooms.py" for room in sorted(there - set(ROOMS))]
    found += [f"ROOMS has {room}, which is not there" for room in ROOMS if room not in there]
    used: set[tuple[str, ...]] = set()
    for one in house.imports:
        room = house.room_of(one.file)
        where = f"{one.file.relative_to(source)}:{one.line}"
        found += [f"{where}: {fault}" for fault in _faults(house, room, one.target)]
        if one.target[0] == PACKAGE and one.target[1:2] != (room,):
            used.add(one.target[1:3])
    for room in sorted(there):
        for door in house.doors.get(room, ()):
            if not (source / room / f"{door}.py").is_file():
                found.append(f"{room} offers {door}, which is not there")
            elif (room, door) not in used:
                found.append(f"{room} offers {door}, which no other room uses")
    return found + _circles(house)


def _faults(house: House, room: str, target: tuple[str, ...]) -> Iterator[str]:
    rooms = HEAVY.get(target[0])
    if rooms is not None and room not in rooms:
        yield f"{room} imports {target[0]}, which only {_listed(rooms)} may"
    if target[0] != PACKAGE:
        return
    if len(target) == 1:
        yield f"{room} imports the whole package: name the room"
        return
    other = target[1]
    if other == room or other not in house.rooms:
        return
    allowed = (*EVERYBODYS, *ROOMS.get(room, ()))
    if other not in allowed:
        yield f"{room} imports {other}, but may import only {_listed(allowed)}"
    doors = house.doors.get(other)
    if doors is not None and len(target) > 2 and target[2] not in doors:
        yield f"{room} imports {other}.{target[2]}, but {other} offers only {_listed(doors)}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _circles(house: House) -> list[str]:
    """Modules that import each other in a circle, if any do; those of one room too."""
    known = {_name(file.relative_to(house.source)) for file in house.files}
    graph: dict[str, set[str]] = {}
    for one in house.imports:
        if one.target[0] == PACKAGE:
            target = ".".join(one.target[1:])
            # The last name may be that of something in the module.
            module = target if target in known else target.rpartition(".")[0]
            graph.setdefault(_name(one.file.relative_to(house.source)), set()).add(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"a circle: {' <- '.join(error.args[1])}"]
    return []


def _name(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def house_map(source: Path = SOURCE) -> str:
    """The map of the rooms, from the ground up, as a table in Markdown."""
    house = House(source)
    rows = ["| room | what happens there | offers | may import |", "| --- | --- | --- | --- |"]
    for room, allowed in ROOMS.items():
        doors = house.doors.get(room)
        shown = f"`{room}.py`" if doors is None else f"`{room}/`"
        rows.append(f"| {shown} | {house.purpose(room)} | {_listed(doors or ()) if doors else ''} "
                    f"| {_listed(allowed)} |")  # fmt: skip
    others = " and ".join(f"`{name}`" for name in EVERYBODYS)
    return "\n".join([*rows, "", f"Every room may import {others} too."]) + "\n"


if __name__ == "__main__":
    wrong = crossings()
    print("\n".join(wrong) or "All walls hold.")
    sys.exit(1 if wrong else 0)
