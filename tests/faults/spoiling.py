"""A bucket's network: a proxy in front of the emulator that spoils what it is told to."""

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# A status, or "reset" (the connection), "cut" (half of the answer arrives), "refused" (the request
# is not passed on, and the connection reset).
How = int | str


@dataclass
class Spoiling:
    """What the proxy does, and what it has seen.

    Args:
        upstream: the emulator.
        method: only requests of this method are spoilt.
        part: only those with this in their path and query.
        plan: what happens to the next of them; then all is well again.
        spoilt: what has happened.
        passed: the requests of this kind that went well.
    """

    upstream: str
    url: str = ""
    method: str = "GET"
    part: str = ""
    plan: list[How] = field(default_factory=list)
    spoilt: list[How] = field(default_factory=list)
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str) -> How | None:
        """What happens to this request; None when nothing does."""
        with self.lock:
            if method != self.method or self.part not in path:
                return None
            if not self.plan:
                self.passed += 1
                return None
            self.spoilt.append(self.plan.pop(0))
            return self.spoilt[-1]


@contextmanager
def spoiling(upstream: str) -> Iterator[Spoiling]:
    """A running proxy in front of `upstream`."""
    state = Spoiling(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self._body()
            how = state.next(self.command, self.path)
            if how == "refused":
                self._reset()
                return
            if isinstance(how, int):
                self._send(how, {}, b"spoiled", 7)
                return
            status, headers, content = self._upstream(body)
            if how == "reset":
                self._reset()
            elif how == "cut":
                self._send(status, headers, content[: len(content) // 2], len(content))
                self._reset()
            else:
                self._send(status, headers, content, len(content))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                content = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return content
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _upstream(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(str(urlsplit(state.upstream).netloc))
            skipped = ("host", "transfer-encoding", "content-length", "connection")
            headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            skipped = ("content-length", "transfer-encoding", "connection")
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in skipped}
            # Uploads and downloads go on where the emulator says: through here again.
            if "Location" in kept:
                kept["Location"] = kept["Location"].replace(state.upstream, state.url)
            if b'"mediaLink"' in content:
                content = content.replace(state.upstream.encode(), state.url.encode())
            return answer.status, kept, content

        def _send(self, status: int, headers: dict[str, str], content: bytes, length: int) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _reset(self) -> None:
            # Closing with this option sends a reset instead of an orderly end.
            self.wfile.flush()
            reset = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
