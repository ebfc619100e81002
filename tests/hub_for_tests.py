"""A stand-in for the Hugging Face hub, which speaks as much of its protocol as fetching needs."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import huggingface_hub.constants
import pytest

from servers_for_tests import QuietHandler, serving

COMMIT = "714eb0fa89d2f80546fda750413ed43d93601a13"


@dataclass
class Hub:
    """The models on it, and what was asked of it.

    Args:
        models: their folders, by owner/name.
        gated: those whose files only the right token gets.
        revisions: what else than the whole commit names it.
        status: answered to every question, where it is not 200.
        stalls: whether files begin to come and then do not go on.
    """

    models: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    revisions: set[str] = field(default_factory=lambda: {"main", "v1.0", COMMIT[:7], COMMIT})
    status: int = 200
    stalls: bool = False
    token: str = "hf_right"
    asked: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    url: str = ""
    stalled: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What points a process of its own at it; HF_HOME is still to be set."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}


def _handler(hub: Hub) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            if hub.status != 200:
                return self.refuse(hub.status, "", "The hub is being mended")
            api = re.fullmatch(
                r"/api/models/(?P<id>[^/]+(?:/[^/]+)?)(?:/(?P<what>revision|tree)/(?P<rev>[^/]+))?",
                path,
            )
            file = re.fullmatch(r"/(?P<id>.+)/resolve/(?P<rev>[^/]+)/(?P<name>.+)", path)
            found = api or file
            folder = hub.models.get(found["id"]) if found else None
            if found is None or folder is None:
                # So it answers whoever is nobody, lest names of private models be guessed.
                return self.refuse(401, "RepoNotFound", "Invalid username or password.")
            if found["rev"] and found["rev"] not in hub.revisions:
                return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {found['rev']}")
            if file:
                return self.content(found["id"], folder / file["name"])
            files = sorted(one for one in folder.rglob("*") if one.is_file())
            names = [str(one.relative_to(folder)) for one in files]
            if found["what"] == "tree":
                listed = [{"type": "file", "path": name, "size": one.stat().st_size, "oid": "0"}
                          for name, one in zip(names, files, strict=True)]  # fmt: skip
                return self.body(json.dumps(listed).encode(), {"Content-Type": "application/json"})
            about = {"id": found["id"], "sha": COMMIT,
                     "siblings": [{"rfilename": name} for name in names]}  # fmt: skip
            return self.body(json.dumps(about).encode(), {"Content-Type": "application/json"})

        def content(self, name: str, file: Path) -> None:
            if name in hub.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self.refuse(401, "GatedRepo", f"Access to model {name} is restricted.")
            if not file.is_file():
                return self.refuse(404, "EntryNotFound", "Entry not found")
            if self.command == "GET":
                hub.fetched.append(file.name)
            body = file.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            return self.body(body, {"ETag": tag, "X-Linked-Etag": tag, "X-Repo-Commit": COMMIT,
                                    "X-Linked-Size": str(len(body))})  # fmt: skip

        def refuse(self, status: int, code: str, message: str) -> None:
            self.body(b"", {"X-Error-Code": code, "X-Error-Message": message}, status)

        def body(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if hub.stalls and "/resolve/" in self.path and self.command == "GET":
                self.wfile.write(body[:1])
                self.wfile.flush()
                hub.stalled.set()
                threading.Event().wait(60)
            if self.command == "GET":
                self.wfile.write(body)

    return Handler


@contextlib.contextmanager
def serving_hub(hub: Hub) -> Iterator[Hub]:
    """Serves the hub until the block ends."""
    with serving(_handler(hub)) as port:
        hub.url = f"http://127.0.0.1:{port}"
        yield hub


def use(hub: Hub, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """Points this process at the hub, with an empty cache."""
    constants = huggingface_hub.constants
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                  hub.url + "/{repo_id}/resolve/{revision}/{filename}")  # fmt: skip
    for name, value in (("ENDPOINT", hub.url), ("HF_HUB_OFFLINE", False),
                        ("HF_HOME", str(cache)), ("HF_HUB_CACHE", str(cache / "hub")),
                        ("HF_TOKEN_PATH", str(cache / "token"))):  # fmt: skip
        patch.setattr(constants, name, value)
    patch.delenv("HF_TOKEN", raising=False)
