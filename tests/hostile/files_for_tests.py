"""Hostile files of every format, with what must become of each of their rows.

A row's outcome is the text that is predicted, `Dead` with its reason, or `BLANK`.
"""

import bz2
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

import zstandard

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
}


@dataclass(frozen=True)
class Dead:
    """A dead letter with this reason."""

    reason: str


BLANK = None
Outcome = str | Dead | None

FLOODS = [
    "\u202e" * 1000 + "good" + "\u202c" * 1000,
    "a" + "\u0301" * 10_000,
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd " * 200,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 500,
    "\U0001f1eb\U0001f1f7\U0001f3f4\U000e0067\U000e0062\U000e007f \U0001f44d\U0001f3ff",
    "\u200b\u200d\ufeff",
    "\ufffd\uffff\U0010ffff",
    "\x01\x1b[31mred\x1b[0m\x07",
    "nul\x00inside",
    "\x00",
    "[CLS] [SEP] [PAD] [MASK] </s>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "<script>alert(1)</script>",
    "%s %n {0} {text} ${HOME} $(id) `id`",
    "..\\..\\windows ../../etc/passwd",
    "x" * 300_000,
]

NESTED = "[" * 9_999 + "]" * 9_999
DEPTH_100 = "[" * 99 + "]" * 99
DEPTH_101 = "[" * 100 + "]" * 100
# A quote stands before the first of these lines; a row may have 4 MiB.
NEVER_CLOSED = "never closed" + "." * 1011 + "\n"
LINES = 4200
LINES_IN_LIMIT = (4 << 20) // len(NEVER_CLOSED)


def _lines(rows: list[tuple[bytes, Outcome]]) -> tuple[bytes, list[Outcome]]:
    return b"".join(row + b"\n" for row, _ in rows), [outcome for _, outcome in rows]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


# By name: the content, and the outcomes in order.
FILES: dict[str, tuple[bytes, list[Outcome]]] = {
    "floods.txt": _lines([(text.encode(), text) for text in FLOODS]),
    "floods.jsonl": _lines([(_json({"text": text}), text) for text in FLOODS]),
    "utf8.txt": _lines([
        (b"\xff", Dead("invalid_utf8")),
        (b"\xc0\xaf overlong slash", Dead("invalid_utf8")),
        (b"\xe0\x80\xaf overlong in three", Dead("invalid_utf8")),
        (b"\xf0\x80\x80\xaf overlong in four", Dead("invalid_utf8")),
        (b"\xed\xa0\xbd\xed\xb8\x80 surrogates", Dead("invalid_utf8")),
        (b"\xf4\x90\x80\x80 beyond Unicode", Dead("invalid_utf8")),
        (b"cut \xe2\x82", Dead("invalid_utf8")),
        (b"\x80 alone", Dead("invalid_utf8")),
        ("good \u20ac".encode(), "good \u20ac"),
    ]),
    "utf16.txt": (
        "good\nfine\n".encode("utf-16"), ["good", "fine"],
    ),
    "utf16_unmarked.txt": ("good\nfine\n".encode("utf-16-be"), ["good", "fine"]),
    "utf16_cut.txt": ("good\nfine\n".encode("utf-16")[:-3], ["good", Dead("invalid_encoding")]),
    "utf16_mark_alone.txt": (b"\xff\xfe\ngood\xc3\xa9\xff\n" * 9, [Dead("unknown_format")]),
    "spaces.txt": _lines([
        (b"", BLANK), (b" \t\x0b\x0c", BLANK), ("\u00a0\u2003\u3000".encode(), BLANK),
        (b"\r", BLANK), (b"good\r", "good"),
    ]),
    "rows.jsonl": _lines([
        (b'{"text": "lone \\ud800"}', Dead("invalid_unicode")),
        (b'{"text": "good", "other": "\\uDFFF"}', Dead("invalid_unicode")),
        (b'{"text": "wrong way round \\ude00\\ud83d"}', Dead("invalid_unicode")),
        (b'{"\\ud800": 1, "text": "good"}', Dead("invalid_unicode")),
        (b'{"text": "pair \\ud83d\\ude00"}', "pair \U0001f600"),
        (b'{"text": "not a surrogate \\\\ud800"}', "not a surrogate \\ud800"),
        (b'{"text": "\\u0000"}', "\x00"),
        (b'{"text": NaN}', Dead("malformed_json")),
        (b'{"text": "good", "n": Infinity}', Dead("malformed_json")),
        (b'{"text": "good", "n": -1e999}', Dead("malformed_json")),
        (b'{"text": "good", "n": ' + b"9" * 5000 + b"}", Dead("malformed_json")),
        (b'{"text": "good", "n": 123456789012345678901234567890}', "good"),
        (b'{"text": 5}', Dead("text_not_a_string")),
        (b'{"text": 1.5e3}', Dead("text_not_a_string")),
        (b'{"text": null}', BLANK),
        (b'{"text": true}', Dead("text_not_a_string")),
        (b'{"text": ["good"]}', Dead("text_not_a_string")),
        (b'{"text": ""}', BLANK),
        (b'{"TEXT": "good"}', BLANK),
        (b"{}", BLANK),
        (b'"text"', Dead("malformed_json")),
        (b"5", Dead("malformed_json")),
        (b"null", Dead("malformed_json")),
        (b'{"text": "good"}{"text": "fine"}', Dead("malformed_json")),
        (b"{'text': 'good'}", Dead("malformed_json")),
        (b'{"text": "raw \t tab"}', Dead("malformed_json")),
        (b'\xef\xbb\xbf{"text": "a mark inside"}', "a mark inside"),
        (b'{"text": "\xc3"}', Dead("invalid_utf8")),
        (b'{"text": "first", "text": "good"}', "good"),
        (b'{"text": "good", "n": ' + NESTED.encode() + b"}", Dead("malformed_json")),
        (b'{"text": "good", "n": ' + DEPTH_101.encode() + b"}", Dead("malformed_json")),
        (b'{"text": "good", "n": ' + DEPTH_100.encode() + b"}", "good"),
        (b'{"text": "' + b"[" * 10_000 + b'"}', "[" * 10_000),
        (b'{"text": ' + b'{"a":' * 10_000, Dead("malformed_json")),
        (b'{"text": "' + b"y" * (1 << 20) + b'"}', "y" * (1 << 20)),
        (b'{"text": "' + b"y" * ((1 << 20) + 1) + b'"}', Dead("text_too_long")),
        (b'{"text": "good", "image": "' + b"A" * (2 << 20) + b'"}', "good"),
        (b'{"text": "good", "image": "' + b"A" * (4 << 20) + b'"}', Dead("row_too_long")),
    ]),
    "quotes.csv": (
        b'id,text\n1,good\n2,"never closed\n3,swallowed\n',
        ["good", Dead("malformed_csv")],
    ),
    "quotes_closed_late.csv": (
        b'id,text\n1,"opened\n2,"good"\n3,fine\n', [Dead("malformed_csv"), "fine"],
    ),
    "cells.csv": (
        b'id,text,n\n1,good\n2,good,5,6\n3,"two\nlines",5\n4,n\x00l,5\n5,"=1+1",5\n6,a\rb,5\n'
        b'7, "spaced",5\n8,"",5\n\n9,b\xe9,5\n10,fine,5',
        [Dead("malformed_csv"), Dead("malformed_csv"), "two\nlines", "n\x00l", "=1+1",
         Dead("malformed_csv"), 'spaced', BLANK, BLANK, Dead("invalid_utf8"),
         "fine"],
    ),
    "header_twice.csv": (b"text,text\ngood,fine\n", [Dead("malformed_csv")] * 2),
    "header_missing.csv": (b"1,good\n2,fine\n", [Dead("missing_text_field")]),
    "header_of_bytes.csv": (b"te\xffxt\ngood\n", [Dead("invalid_utf8"), Dead("malformed_csv")]),
    "header_alone.csv": (b"id,text\n", []),
    "header_unclosed.csv": (b'"id,text\n1,good\n', [Dead("malformed_csv")]),
    "long_row.csv": (
        b'text\n"' + NEVER_CLOSED.encode() * LINES + b"good\n",
        [Dead("row_too_long"), *[NEVER_CLOSED.rstrip("\n")] * (LINES - LINES_IN_LIMIT), "good"],
    ),
    "empty.txt": (b"", []),
    "empty.csv": (b"", []),
    "empty.jsonl.gz": (gzip.compress(b""), []),
    "no_bytes.txt.gz": (b"", []),
    "one_array.json": (b'[{"text": "good"},\n{"text": "fine"}]\n', [Dead("unknown_format")]),
    "pretty.json": (json.dumps({"text": "good"}, indent=1).encode(), [Dead("unknown_format")]),
    "table.parquet": (b"PAR1" + b"\x00" * 40 + b"PAR1", [Dead("corrupt_file")]),
    "table.orc": (b"ORC" + b"\x00" * 40, [Dead("unknown_format")]),
    "truncated.txt.gz": (gzip.compress(b"good\nfine")[:-9], ["good", Dead("corrupt_file")]),
    "truncated.csv.gz": (gzip.compress(b'text\n"one\ntwo\n')[:-8], [Dead("corrupt_file")]),
    "damaged.jsonl.gz": (b"\x1f\x8b\x08" + b"\x00" * 40, [Dead("corrupt_file")]),
    "trailing.txt.gz": (gzip.compress(b"good\n") + b"garbage", ["good", Dead("corrupt_file")]),
    "padded.txt.gz": (gzip.compress(b"good\n") + b"\x00" * 600, ["good"]),
    "twice.txt.zst": (zstandard.compress(b"go") + zstandard.compress(b"od\n"), ["good"]),
    "truncated.txt.bz2": (bz2.compress(b"good\nfine")[:-4], ["good", Dead("corrupt_file")]),
    "not_compressed.txt.zst": (b"good\n", ["good"]),
    "no_zstd.txt.zst": (b"\x01\x02\x03", [Dead("corrupt_file")]),
    "not_said.txt": (gzip.compress(b"good\n"), ["good"]),
    "twice_compressed.txt.gz": (gzip.compress(gzip.compress(b"good\n")), ["good"]),
}  # fmt: skip
