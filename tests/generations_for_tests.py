"""A bucket that keeps count of its objects' generations, as the real one does and the emulator
does not: a write that names another generation than there is, is refused.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from buckets_for_tests import at
from servers_for_tests import QuietHandler, serving

BUCKET = "counted"


@dataclass
class Bucket:
    """The objects, and what happened.

    Args:
        objects: the content and the generation of each.
        refused: how many writes named a generation that was not there any more.
        plan: what the next writes are answered, a status each; then all is well again.
        before_write: is called before each write, as if somebody else came first.
        answers_lost: how many of the next writes happen, and are answered as if they had not.
    """

    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    refused: int = 0
    plan: list[int] = field(default_factory=list)
    before_write: Callable[[], None] = lambda: None
    answers_lost: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, name: str, content: bytes) -> None:
        """Writes an object."""
        self.objects[name] = content, self.objects.get(name, (b"", 0))[1] + 1

    def about(self, name: str) -> dict[str, Any]:
        """An object as the service describes it."""
        content, generation = self.objects[name]
        return {"kind": "storage#object", "name": name, "bucket": BUCKET,
                "generation": str(generation), "size": str(len(content))}  # fmt: skip


@contextlib.contextmanager
def counting() -> Iterator[Bucket]:
    """Lets gs://counted be such a bucket; every other one is not there."""
    state = Bucket()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            found = re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?", address.path)
            assert found, self.path
            name = unquote(found[2] or "")
            with state.lock:
                if found[1] != BUCKET or (name and name not in state.objects):
                    self.answer(404)
                elif not name:
                    names = sorted(o for o in state.objects if o.startswith(query["prefix"]))
                    self.answer_json(200, {"items": [state.about(one) for one in names]})
                elif query.get("alt") != "media":
                    self.answer_json(200, state.about(name))
                elif (
                    query.get("generation", state.about(name)["generation"])
                    != (state.about(name)["generation"])
                ):
                    self.answer(404)
                else:
                    self.answer_content(state.objects[name][0])

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if state.plan:
                self.answer(state.plan.pop(0))
                return
            state.before_write()
            kind = self.headers["Content-Type"].encode()
            head, content = BytesParser().parsebytes(
                b"Content-Type: " + kind + b"\r\n\r\n" + body
            ).get_payload()  # fmt: skip
            name = json.loads(head.get_payload())["name"]
            wanted = parse_qs(urlsplit(self.path).query)["ifGenerationMatch"][0]
            with state.lock:
                if wanted != str(state.objects.get(name, (b"", 0))[1]):
                    state.refused += 1
                    self.answer(412)
                    return
                state.put(name, content.get_payload(decode=True))
                if state.answers_lost:
                    state.answers_lost -= 1
                    self.answer(503)
                    return
                self.answer_json(200, state.about(name))

        def answer(self, status: int) -> None:
            self.answer_json(status, {"error": {"code": status, "message": f"it is {status}"}})

        def answer_content(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as port:
        state.url = f"http://127.0.0.1:{port}"
        with at(state.url):
            yield state
