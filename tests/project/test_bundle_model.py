"""tools/bundle_model.py against a folder, and against a hub that speaks the real protocol."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from conftest import ROOT, make_model
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import ModelFolder

pytestmark = pytest.mark.starts

COMMIT = "714eb0fa89d2f80546fda750413ed43d93601a13"
NAME = "owner/name"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film", "##s", "!"]


def bundle(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "tools/bundle_model.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **env},
    )  # fmt: skip


@pytest.fixture
def vocabulary_only(tmp_path: Path) -> Path:
    """A model as older ones are: a vocabulary and no tokenizer.json; and a pickle besides."""
    folder = make_model(tmp_path / "source", "distilbert")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "model_max_length": 64}')
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "README.md").write_text("a card")
    return folder


class Hub(http.server.ThreadingHTTPServer):
    """The three calls of the Hugging Face hub that fetching a snapshot makes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.folder = folder
        self.fetched: list[str] = []


class HubHandler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{NAME}/revision/"):
            assert path.endswith("/714eb0f")
            files = [{"rfilename": one.name} for one in sorted(self.server.folder.iterdir())]
            body = json.dumps({"id": NAME, "sha": COMMIT, "siblings": files}).encode()
            return self.reply(body, {"Content-Type": "application/json"})
        if path.startswith(f"/api/models/{NAME}/tree/"):
            files = [{"type": "file", "path": one.name, "size": one.stat().st_size, "oid": "0"}
                     for one in sorted(self.server.folder.iterdir())]  # fmt: skip
            return self.reply(json.dumps(files).encode(), {"Content-Type": "application/json"})
        assert path.startswith(f"/{NAME}/resolve/{COMMIT}/"), path
        name = path.rpartition("/")[2]
        if self.command == "GET":
            self.server.fetched.append(name)
        body = (self.server.folder / name).read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        self.reply(body, {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT})
        return None

    def reply(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(vocabulary_only: Path) -> Iterator[Hub]:
    server = Hub(vocabulary_only)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_from_the_hub_comes_only_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    output = tmp_path / "bundled"
    done = bundle(
        "hub", NAME, "--revision=714eb0f", f"--output={output}",
        HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}", HF_HOME=str(tmp_path / "home"),
        HF_HUB_OFFLINE="0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pytorch_model.bin" not in hub.fetched
    assert "README.md" not in hub.fetched
    record = json.loads((output / "digests.json").read_text())
    assert (record["source"], record["model"], record["revision"]) == ("hub", NAME, "714eb0f")
    names = {one.name for one in output.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "digests.json"} <= names
    assert not names & {"pytorch_model.bin", "README.md"}
    assert set(record["files"]) == names - {"digests.json"}
    for name, digest in record["files"].items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == digest
    # The tokenizer made of the vocabulary is transformers' own.
    made = ModelFolder.read(str(output))
    assert made.max_length == 64
    own = AutoTokenizer.from_pretrained(hub.folder)
    text = "A GOOD film! films unknown"
    assert AutoTokenizer.from_pretrained(output)(text)["input_ids"] == own(text)["input_ids"]
    assert own.convert_ids_to_tokens(own(text)["input_ids"])[:4] == ["[CLS]", "a", "good", "film"]


def test_a_bundled_model_is_checked_against_its_digests(distilbert: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundled"
    assert bundle("folder", str(distilbert), f"--output={output}").returncode == 0
    folder = ModelFolder.read(str(output))
    folder.check_digests()
    weights = output / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"--model takes files as they are recorded.*safetensors"):
        folder.check_digests()
    weights.unlink()
    with pytest.raises(UserError, match=r"with SHA-256 nothing, recorded as"):
        folder.check_digests()


@pytest.mark.parametrize(
    ("remove", "message"),
    [("config.json", "has no config.json"), ("model.safetensors", "has no model.safetensors")],
)
def test_what_is_no_model_is_refused(
    distilbert: Path, tmp_path: Path, remove: str, message: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for file in distilbert.iterdir():
        if file.name != remove:
            (source / file.name).write_bytes(file.read_bytes())
    done = bundle("folder", str(source), f"--output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_with_something_in_it_is_left_alone(distilbert: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = bundle("folder", str(distilbert), f"--output={tmp_path}")
    assert "is not empty: expected a new folder" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]
