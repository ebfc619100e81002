"""What a user calls a table, a part of one, or a query."""

import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote, urlsplit

TAKES = "bq://PROJECT.DATASET.TABLE"
_SCHEME = re.compile(r"(?:bq|bigquery)://", re.IGNORECASE)
_CONSOLE = re.compile(r"https://console\.cloud\.google\.com/bigquery\?", re.IGNORECASE)
# https://cloud.google.com/bigquery/docs/tables#table_naming; a project may have its domain before
# it, and a partition of the table stands behind $.
_TABLE = re.compile(
    r"(?P<project>(?:[A-Za-z0-9.-]+:)?[A-Za-z][A-Za-z0-9-]+)[.:](?P<dataset>\w+)"
    r"\.(?P<table>[\w -]+(?:\$\w+)?)"
)
_QUERY = re.compile(r"\s*(?:select|with)\b[\s(`*\"']", re.IGNORECASE)
_WHERE = re.compile(r"\s+where\s+", re.IGNORECASE)
_OPTIONS = ("partition", "cluster")
# https://cloud.google.com/bigquery/docs/clustered-tables#limitations
_MOST_CLUSTERED = 4


class TableError(ValueError):
    """An address that cannot be used as it is.

    Args:
        got: what came, and what to do about it.
        takes: what is taken.
    """

    def __init__(self, got: str, takes: str = TAKES) -> None:
        super().__init__(got)
        self.got = got
        self.takes = takes


@dataclass(frozen=True)
class Table:
    """A table of BigQuery.

    Args:
        project: its project.
        dataset: its data set.
        name: its name; of a partition $ and the partition's behind it.
    """

    project: str
    dataset: str
    name: str

    def __str__(self) -> str:
        """As a user writes it."""
        return f"bq://{self.id}"

    @property
    def id(self) -> str:
        """As SQL and Google's client write it."""
        return f"{self.project}.{self.dataset}.{self.name}"

    @property
    def path(self) -> str:
        """As the interface for reading writes it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{self.name}"

    def beside(self, ending: str) -> "Table":
        """The table whose name is this one's, without a partition, and something more."""
        return replace(self, name=self.name.partition("$")[0] + ending)


@dataclass(frozen=True)
class Source:
    """What is read: a table, some rows of it, or what a query finds.

    Args:
        table: the table; None for a query.
        where: which of its rows; "" for all.
        query: the query; "" for a table.
    """

    table: Table | None
    where: str = ""
    query: str = ""


@dataclass(frozen=True)
class Destination:
    """A table that is written.

    Args:
        table: the table.
        partition: the column by whose day it is partitioned when it is made; "" for none.
        cluster: the columns by which it is clustered then.
    """

    table: Table
    partition: str = ""
    cluster: tuple[str, ...] = ()


def source(text: str) -> Source | None:
    """The table or query that an input is; None if it is neither.

    Raises:
        TableError: it is the address of no table.
    """
    given = text.strip()
    if _QUERY.match(given):
        return Source(None, query=given)
    rest = _rest(given)
    if rest is None:
        return None
    name, *where = _WHERE.split(rest, maxsplit=1)
    takes = (
        f"{TAKES}, which may go on with WHERE and a condition, or a query that begins with SELECT"
    )
    return Source(_table(name, text, takes), where[0].strip() if where else "")


def destination(text: str) -> Destination | None:
    """The table that an output is; None if it is none.

    Raises:
        TableError: it is the address of no table, or of one that cannot be made so.
    """
    rest = _rest(text.strip())
    if rest is None:
        return None
    takes = f"{TAKES}, behind which ?partition=COLUMN&cluster=COLUMN,COLUMN may stand"
    name, _, options = rest.partition("?")
    given = parse_qs(options, keep_blank_values=True, separator="&")
    wrong = [one for one in given if one not in _OPTIONS or len(given[one]) > 1]
    if wrong or (options and not given):
        raise TableError(f"{text!r} with {', '.join(wrong) or options!r}", takes)
    cluster = tuple(one.strip() for one in given.get("cluster", [""])[0].split(",") if one.strip())
    if len(cluster) > _MOST_CLUSTERED:
        got = (
            f"{text!r} with {len(cluster)} columns to cluster by, and {_MOST_CLUSTERED} is the most"
        )
        raise TableError(got, takes)
    return Destination(_table(name, text, takes), given.get("partition", [""])[0].strip(), cluster)


def is_table(text: str) -> bool:
    """Whether an address is meant as a table's."""
    return _rest(text.strip()) is not None


def is_table_or_query(text: str) -> bool:
    """Whether an address is meant as a table's, or is a query."""
    return is_table(text) or bool(_QUERY.match(text))


def _rest(text: str) -> str | None:
    """What stands behind bq://, also of the console's own address; None if nothing does."""
    if found := _SCHEME.match(text):
        return text[found.end() :]
    if _CONSOLE.match(text):
        named = parse_qs(urlsplit(text).query)
        return ".".join(named.get(one, [""])[0] for one in ("p", "d", "t"))
    return None


def _table(name: str, given: str, takes: str) -> Table:
    found = _TABLE.fullmatch(unquote(name.strip().strip("`").replace("`", "")))
    if found is None:
        raise TableError(repr(given), takes)
    return Table(found["project"], found["dataset"], found["table"])
