"""The address of a file as people have it: put right, or answered with the right form.

A bucket's objects have addresses for programs (`gs://`), for browsers and for the console, and all
of them get pasted. What can mean one thing only becomes its `gs://` form; the rest is refused
before any file system is asked, because their own answers name packages to install.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from runinference_metrics.bigquery.addresses import is_table
from runinference_metrics.errors import UserError

_TAKES = "local paths and addresses such as gs://bucket/object"
_GS = re.compile(r"gs:/*", re.IGNORECASE)
# A colon or a slash that got lost: as a local path it would make a folder named gs.
_NEARLY_GS = re.compile(r"gs(?:\W{0,2}//|\s*:)", re.IGNORECASE)
_FILE = re.compile(r"file:(?://(?:localhost)?)?(?=/(?!/))", re.IGNORECASE)
_WEB = re.compile(r"https?:/{1,3}(?P<host>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", re.I)
_ENCODED = re.compile(r"(?:gs|https?|file)%3a%2f", re.IGNORECASE)
# A colon alone may stand in a file's name; these are schemes even with a single slash.
_SCHEME = re.compile(
    r"[\w+.-]+://|(?:s3[an]?|hdfs|webhdfs|abfss?|wasbs?|adl|dbfs|hf|s?ftp|file|https?):/",
    re.IGNORECASE,
)
# https://cloud.google.com/storage/docs/buckets#naming; lengths are left to the service.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*")
# Where Cloud Storage answers with the bucket as the first part of the path, and where in the host.
_HOSTS = re.compile(
    r"(?:storage(?:\.mtls)?|storage-download|commondatastorage|storage\.[a-z0-9-]+\.rep)"
    r"\.googleapis\.com|storage\.cloud\.google\.com|www\.googleapis\.com"
)
_BUCKETS_HOST = re.compile(r"(?P<bucket>.+)\.storage\.googleapis\.com")
_CONSOLES = ("console.cloud.google.com", "console.developers.google.com")
_API_PATH = re.compile(
    r"/(?:download/|upload/)?storage/v1/b/(?P<bucket>[^/]+)(?:/o(?:/(?P<name>.*))?)?"
)
_CONSOLE_PATH = re.compile(
    r"/storage/browser(?P<details>/_details)?/(?P<bucket>[^/;]+)(?:/(?P<name>.*))?"
)
_ENCODED_WILDCARDS = re.compile(r"%(?:2a|3f|5b|5d)", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "\u2018": "\u2019", "„": "“", "«": "»"}


class AddressError(ValueError):
    """An address that cannot be used as it is.

    Args:
        got: what came, and what to do about it.
        takes: what is taken, as the end of "--flag takes …".
    """

    def __init__(self, got: str, takes: str = _TAKES) -> None:
        super().__init__(got)
        self.got = got
        self.takes = takes


@dataclass(frozen=True)
class _Place:
    """An object, a folder or a whole bucket that a web address names; `name` as it is encoded."""

    bucket: str
    name: str


def address(text: str, pattern: bool = False) -> str:
    """A local path, or a `gs://` address; nothing stays nothing.

    Args:
        text: what came: a path, `gs://…`, an address of Cloud Storage or of its console.
        pattern: whether `*`, `?` and `[` in the answer mean more than themselves.

    Raises:
        AddressError: it is neither, or it can mean two things.
    """
    given = _unquoted(text)
    if _ENCODED.match(given):
        given = _decoded(given, text)
    if local := _FILE.match(given):
        return _decoded(given[local.end() :], text)
    if web := _WEB.match(given):
        return _of_web(web, text, pattern)
    given = re.sub(r"^gcs://", "gs://", given, flags=re.IGNORECASE)
    if gs := _GS.match(given):
        return _gs(given[gs.end() :], text)
    if _SCHEME.match(given):
        raise AddressError(f"{text!r}: copy the files there first")
    if nearly := _NEARLY_GS.match(given):
        raise AddressError(f"{text!r}: write gs://{given[nearly.end() :].lstrip('/ ')}")
    # The shell leaves it alone behind an equals sign, as in --input=~/in.
    return os.path.expanduser(given) if given.startswith("~/") else given


def place(flag: str, tables: bool = False) -> Callable[[str], str]:
    """What reads the address that a flag or an argument gives; it raises UserError.

    Args:
        flag: its name, as a UserError takes it.
        tables: whether it may be that of a table.
    """

    def read(text: str) -> str:
        if tables and is_table(text):
            return text.strip()
        try:
            return address(text)
        except AddressError as wrong:
            raise UserError(flag, wrong.takes, wrong.got) from None

    return read


def parts(text: str) -> tuple[str, ...]:
    """The addresses of a comma-separated list; commas in braces, as of {a,b}, part none, nor do
    those of the console's own addresses."""
    found, depth = [""], 0
    whole = text.strip()
    # Quotes around the list, not around each of its addresses.
    whole = whole if whole[:1] in whole[1:-1] else _unquoted(whole)
    in_braces = _in_braces(whole)
    for at, letter in enumerate(whole):
        # In the console's addresses they stand in brackets; in file names brackets mean nothing.
        depth += ((letter == "(") - (letter == ")")) * ("://console." in found[-1])
        if letter == "," and depth <= 0 and at not in in_braces:
            found.append("")
            depth = 0
        else:
            found[-1] += letter
    return tuple(part.strip() for part in found if part.strip())


def _in_braces(text: str) -> set[int]:
    """Which letters stand between a brace and its other half."""
    opened: list[int] = []
    found: set[int] = set()
    for at, letter in enumerate(text):
        if letter == "{":
            opened.append(at)
        elif letter == "}" and opened:
            start = opened.pop()
            # The innermost are in already.
            found.update(range(start, at))
    return found


def _unquoted(text: str) -> str:
    text = text.strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _gs(rest: str, given: str) -> str:
    bucket, slash, name = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        takes = "gs://BUCKET/… with a bucket's name: lower-case letters, digits, -, _ and ."
        raise AddressError(repr(given), takes)
    if re.search(r"[\r\n\0]", name):
        raise AddressError(f"{given!r}: several addresses are separated by commas")
    return f"gs://{bucket}{slash}{name}"


def _of_web(web: re.Match[str], given: str, pattern: bool) -> str:
    place = _place(web["host"].lower().removesuffix(":443"), web["path"])
    if place is None:
        raise AddressError(f"{given!r}: download it, or copy it to a bucket, first")
    if not place.bucket:
        raise AddressError(f"{given!r}, which names no bucket")
    name = _decoded(place.name, given)
    whole = _gs(f"{_decoded(place.bucket, given)}/{name}", given)
    query = dict(parse_qsl(web["query"] or ""))
    if web["query"] and "=" not in web["query"]:
        raise AddressError(f"{given!r}: write {whole}?{web['query']} if ? is any letter of a name")
    if query.get("generation"):
        raise AddressError(f"{given!r}, one generation of an object: write {whole} for its newest")
    if query.get("prefix"):
        raise AddressError(f"{given!r}, a folder with a filter: write {whole}{query['prefix']}*")
    if pattern and _ENCODED_WILDCARDS.search(place.name):
        meant = _decoded(_ENCODED_WILDCARDS.sub("?", place.name), given)
        raise AddressError(f"{given!r}: write gs://{place.bucket}/{meant}, where ? is any letter")
    return whole


def _place(host: str, path: str) -> _Place | None:
    """What an address of Cloud Storage names; None when it is another site's."""
    if host in _CONSOLES:
        found = _CONSOLE_PATH.match(re.sub(r";[a-z]+=.*", "", path))
        if not found:
            return _Place("", "")
        name = (found["name"] or "").rstrip("/")
        # Only the page of details is one object's; the browser shows folders.
        return _Place(found["bucket"], name if found["details"] or not name else f"{name}/")
    if _HOSTS.fullmatch(host):
        if found := _API_PATH.fullmatch(path):
            return _Place(found["bucket"], found["name"] or "")
        if host == "www.googleapis.com":
            return None
        bucket, _, name = path.lstrip("/").partition("/")
        return _Place(bucket, name)
    if found := _BUCKETS_HOST.fullmatch(host):
        return _Place(found["bucket"], path.removeprefix("/"))
    return None


def _decoded(text: str, given: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AddressError(f"{given!r}, whose %-signs are no UTF-8") from None
