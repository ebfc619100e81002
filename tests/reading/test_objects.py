"""Objects whose metadata say that they are gzip, once or twice."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from urllib.parse import unquote, urlparse

import pytest

from buckets_for_tests import at
from runinference_metrics.errors import RunFailed
from runinference_metrics.reading.files import open_raw
from servers_for_tests import QuietHandler, serving

LINES = b"".join(b"a good film, number %d\n" % number for number in range(1000))
STORED = gzip.compress(LINES)
BIG = bytes(range(256)) * (64 << 12)
OBJECTS = {
    # As `gcloud storage cp --gzip-in-flight-all` and `gsutil cp -Z` leave them.
    "once.txt": ("text/plain", STORED),
    "once.txt.gz": ("text/plain", STORED),
    # As the console leaves a .gz file whose encoding was set besides.
    "twice.txt.gz": ("application/gzip", STORED),
    "twice x?.gz": ("application/x-gzip", STORED),
    "big.gz": ("application/gzip", BIG),
    "gone.gz": ("application/gzip", b""),
}


class CloudStorage(QuietHandler):
    """Answers as Cloud Storage does, but for requests that there have no end."""

    def do_GET(self) -> None:
        asked = urlparse(self.path)
        name = unquote(asked.path.rpartition("/o/")[2])
        content_type, content = OBJECTS[name]
        if "alt=media" not in asked.query:
            self.answer_json(200, {
                "name": name, "bucket": "b", "size": str(len(content)), "generation": "1",
                "contentType": content_type, "contentEncoding": "gzip",
            })  # fmt: skip
            return
        if name == "gone.gz":
            self.answer_json(403, {"error": {"code": 403, "message": "me@x has no access to it."}})
            return
        status, ranged = 200, self.headers.get("Range")
        if ranged:
            assert "gzip" not in content_type, "a request without an end"
            start, _, stop = ranged.removeprefix("bytes=").partition("-")
            content, status = content[int(start) : int(stop) + 1 if stop else None], 206
        self.send_response(status)
        # Without accepting gzip a client gets the object decompressed.
        assert "gzip" in self.headers["Accept-Encoding"]
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if ranged:
            whole = len(OBJECTS[name][1])
            self.send_header(
                "Content-Range", f"bytes {start}-{int(start) + len(content) - 1}/{whole}"
            )
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def storage() -> Iterator[None]:
    with serving(CloudStorage) as port, at(f"http://127.0.0.1:{port}"):
        yield


@pytest.mark.parametrize("name", ["once.txt", "once.txt.gz", "twice.txt.gz", "twice x?.gz"])
def test_what_is_stored_is_what_is_read(storage: None, name: str) -> None:
    with open_raw(f"gs://b/{name}") as stream:
        assert stream.read(2) == STORED[:2]
        stream.seek(0)
        assert gzip.decompress(stream.read()) == LINES


def test_a_big_one_needs_no_memory(storage: None) -> None:
    with open_raw("gs://b/twice.txt.gz"):
        # What is loaded at the first request of all.
        pass
    tracemalloc.start()
    with open_raw("gs://b/big.gz") as stream:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.seek(0, 2) == len(BIG) == 64 << 20
    # What serves it, in this process, takes nothing besides.
    assert most < 16 << 20


def test_one_that_cannot_be_had_is_named(storage: None) -> None:
    with pytest.raises(RunFailed) as refused:
        open_raw("gs://b/gone.gz")
    assert str(refused.value).startswith("'gs://b/gone.gz', which says twice that it is gzip")
    assert "me@x has no access to it" in str(refused.value)
    assert "gcloud storage objects update gs://b/gone.gz --clear-content-encoding" in str(
        refused.value
    )
    assert json.dumps(str(refused.value)).count("\\n") == 0
