"""Files that hold no lines of text: known by their first bytes, with what to do about them."""

from runinference_metrics.reading.compression import codec_of
from runinference_metrics.reading.encodings import is_text, is_utf8
from runinference_metrics.reading.formats import AUTO
from runinference_metrics.reading.unclear import Unclear

_EXPORT = "export it as Parquet, JSON lines or CSV"
_UNPACK = "unpack it first"
_COMPRESS = "compress it with gzip, bzip2, zstd or xz instead"
# By name: the first bytes, and the next step.
_KINDS: tuple[tuple[str, bytes, str], ...] = (
    ("an encrypted Parquet file", b"PARE", "decrypt it first"),
    ("an ORC file", b"ORC", _EXPORT),
    ("an Arrow file", b"ARROW1", _EXPORT),
    ("a Feather file", b"FEA1", _EXPORT),
    ("a Hadoop sequence file", b"SEQ\x06", _EXPORT),
    ("an HDF5 file", b"\x89HDF\r\n\x1a\n", _EXPORT),
    ("a SQLite database", b"SQLite format 3\x00", _EXPORT),
    ("a NumPy array", b"\x93NUMPY", _EXPORT),
    ("an old Excel or Word file", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as CSV or text"),
    ("a zip archive, or an Excel, Word or OpenDocument file", b"PK\x03\x04",
     "unpack it, or save it as CSV or text"),
    ("an empty zip archive", b"PK\x05\x06", "leave it out"),
    ("a 7z archive", b"7z\xbc\xaf\x27\x1c", _UNPACK),
    ("a rar archive", b"Rar!\x1a\x07", _UNPACK),
    ("compressed by lz4", b"\x04\x22\x4d\x18", _COMPRESS),
    ("compressed by snappy", b"\xff\x06\x00\x00sNaPpY", _COMPRESS),
    ("compressed by compress", b"\x1f\x9d", _COMPRESS),
    ("compressed by lzip", b"LZIP\x01", _COMPRESS),
    ("compressed by lzop", b"\x89LZO\x00\r\n\x1a\n", _COMPRESS),
    ("a PDF file", b"%PDF-", "extract its text first"),
    ("an RTF file", b"{\\rtf", "save it as text"),
    ("a pointer of Git LFS instead of the file", b"version https://git-lfs.github.com/spec/",
     "fetch that, as `git lfs pull` does"),
    ("a PNG image", b"\x89PNG\r\n\x1a\n", "leave it out"),
    ("a JPEG image", b"\xff\xd8\xff", "leave it out"),
    ("a GIF image", b"GIF89a", "leave it out"),
    ("a program", b"\x7fELF", "leave it out"),
)  # fmt: skip
_BEGINNINGS = tuple(beginning for _, beginning, _ in _KINDS)
# Kinds that are written in characters.
_OF_TEXT = (b"%PDF-", b"{\\rtf", b"version https://git-lfs")
# Compressions that no first bytes tell, by the endings of names.
_UNKNOWN = (".lzma", ".deflate", ".zlib", ".snappy", ".br", ".lz4", ".lzo")
# Where a tar archive, which begins with a file's name, has its mark (POSIX.1-1988).
_TAR_OFFSET, _TAR_MARK = 257, b"ustar"
TAKES = "files of text, JSON lines, CSV, Parquet or Avro"
# The first bytes of tables: https://parquet.apache.org/docs/file-format/ and
# https://avro.apache.org/docs/1.12.0/specification/#object-container-files.
_TABLES = {"parquet": b"PAR1", "avro": b"Obj\x01"}


def table_kind(head: bytes, compressed: bool, said: str) -> str:
    """Which kind of table a file is; "" if it is none.

    Args:
        head: its first bytes, decompressed.
        compressed: whether it is compressed as a whole.
        said: its format as the user says it.

    Raises:
        Unclear: it cannot be read so.
    """
    kind = next((one for one, magic in _TABLES.items() if head.startswith(magic)), "")
    # A text may begin so.
    if kind and b"\0" not in head and is_utf8(head):
        kind = ""
    if kind and compressed:
        got = f"a file of {kind.capitalize()} that is compressed as a whole: {_UNPACK}"
        raise Unclear("input", TAKES, got)
    if said not in (AUTO, kind) and (kind or said in _TABLES):
        found = (
            f"a file of {kind.capitalize()}" if kind else f"which is no file of {said.capitalize()}"
        )
        raise Unclear("input_format", "the format of all files, or auto", f"{said}, {found}")
    return kind


def refuse_misnamed(path: str) -> None:
    """Raises Unclear when a file that is no table is called like one: it may be cut off, or a page
    that says why there is none.
    """
    for kind in _TABLES:
        if path.lower().endswith(f".{kind}"):
            got = f"no file of {kind.capitalize()}, as it is called: say what it is"
            raise Unclear("input_format", "text, jsonl, csv or document for a file of text", got)


def refuse_binary(path: str, head: bytes) -> None:
    """Raises Unclear when a file is of a kind that is not read.

    Args:
        path: its name.
        head: its first bytes, decompressed.
    """
    if path.lower().endswith(_UNKNOWN) and not is_text(head):
        raise Unclear("input", TAKES, f"compressed, as its name says: {_COMPRESS}")
    if codec_of(head):
        raise Unclear("input", TAKES, f"compressed more than twice: {_UNPACK}")
    if not head.startswith(_BEGINNINGS) and b"\0" not in head:
        return
    if not head.startswith(_OF_TEXT) and b"\0" not in head and is_utf8(head):
        # A text may begin with the word ORC.
        return
    if head[_TAR_OFFSET : _TAR_OFFSET + len(_TAR_MARK)] == _TAR_MARK:
        raise Unclear("input", TAKES, f"a tar archive: {_UNPACK}")
    for kind, beginning, step in _KINDS:
        if head.startswith(beginning):
            raise Unclear("input", TAKES, f"{kind}: {step}")
