"""Small servers on this machine that stand in for services."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietHandler(BaseHTTPRequestHandler):
    """Answers without a line on standard error."""

    def answer_json(self, status: int, body: Any) -> None:
        """Answers with a JSON value."""
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serves until the block ends; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def error_body(code: int, status: str, message: str, reason: str = "", **metadata: str) -> Any:
    """An error as Google's services answer it."""
    info = "type.googleapis.com/google.rpc.ErrorInfo"
    details = [{"@type": info, "reason": reason, "domain": "googleapis.com", "metadata": metadata}]
    error = {"code": code, "message": message, "status": status}
    return {"error": {**error, "details": details} if reason else error}


def refusing(body: Any, asked: list[str]) -> type[QuietHandler]:
    """Answers every question with this error; writes down what was asked for."""

    class Refusing(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(self.path)
            self.answer_json(body["error"]["code"], body)

        do_GET = do_POST

    return Refusing
