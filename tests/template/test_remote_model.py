"""A model in an emulated bucket, behind a proxy that counts and spoils downloads."""

import http.client
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from safetensors.torch import load_file
from test_bucket import bucket, objects  # noqa: F401
from test_launch import LAUNCH, put

from conftest import ROOT
from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.errors import UserError
from runinference_metrics.models.remote import RemoteModel
from servers_for_tests import QuietHandler, serving

# A server that stands in for buckets, mostly, and the program.
pytestmark = pytest.mark.starts

WEIGHTS = "model.safetensors"


class Proxy:
    """Passes requests on to the emulator; counts the downloads of the weights, and spoils some."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.downloads: list[int] = []
        # What happens to the next downloads of weights: a status, or "cut" or "flip".
        self.spoil: list[int | str] = []
        self.url = ""


@pytest.fixture
def proxy(bucket: dict[str, str]) -> Iterator[Proxy]:  # noqa: F811
    state = Proxy(bucket["STORAGE_EMULATOR_HOST"])

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            upstream = http.client.HTTPConnection(str(state.upstream.netloc))
            passed = {name: self.headers[name] for name in self.headers if name != "Host"}
            upstream.request("GET", self.path, headers=passed)
            answer = upstream.getresponse()
            status, content = answer.status, answer.read()
            kept = {
                name: value for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "transfer-encoding", "connection")
            }  # fmt: skip
            length = len(content)
            if WEIGHTS in self.path and "alt=media" in self.path:
                how = state.spoil.pop(0) if state.spoil else 200
                state.downloads.append(how if isinstance(how, int) else 200)
                if isinstance(how, int) and how != 200:
                    status, content = how, b"spoiled"
                    length = len(content)
                elif how == "cut":
                    content = content[: len(content) // 2]
                elif how == "flip":
                    content = bytes([content[0] ^ 1]) + content[1:]
                    kept.pop("x-goog-hash", None)
            self.send_response(status)
            for name, value in kept.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)
            if len(content) < length:
                self.close_connection = True

    with serving(Handler) as port:
        state.url = f"http://127.0.0.1:{port}"
        yield state


@pytest.fixture
def cache(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(folder))
    return folder


@pytest.fixture
def model(bucket: dict[str, str], distilbert: Path) -> str:  # noqa: F811
    for file in distilbert.iterdir():
        put(bucket, f"model/{file.name}", file.read_bytes())
    # What a model does not need, and what must never be loaded, stays where it is.
    put(bucket, "model/pytorch_model.bin", b"pickle")
    put(bucket, "model/sub/config.json", b"{}")
    return "gs://results/model"


def test_the_files_arrive_and_nothing_else(
    cache: Path, model: str, proxy: Proxy, distilbert: Path
) -> None:
    folder = Path(RemoteModel.find(model).download())
    assert folder.parent == cache
    for file in folder.iterdir():
        assert file.read_bytes() == (distilbert / file.name).read_bytes()
    assert {file.name for file in folder.iterdir()} == {
        "config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS,
    }  # fmt: skip
    assert RemoteModel.find(model + "/").download() == str(folder)
    assert len(proxy.downloads) == 1


def test_eight_processes_download_once(cache: Path, model: str, proxy: Proxy) -> None:
    code = "import sys; from runinference_metrics.models.remote import local_folder as f\n" \
           "print(f(sys.argv[1]))"  # fmt: skip
    processes = [
        subprocess.Popen([sys.executable, "-c", code, model], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    folders = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 8
    assert len(folders) == 1
    assert len(proxy.downloads) == 1
    assert not list(cache.glob("*.part"))


def test_a_changed_model_is_another_one(
    cache: Path, model: str, bucket: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    first = RemoteModel.find(model).download()
    put(bucket, "model/tokenizer_config.json", b'{"model_max_length": 32}')
    second = RemoteModel.find(model)
    assert second.download() != first
    assert second.check().max_length() == 32


def test_a_hiccup_is_tried_again(cache: Path, model: str, proxy: Proxy, distilbert: Path) -> None:
    proxy.spoil = [503, 429]
    folder = Path(RemoteModel.find(model).download())
    assert (folder / WEIGHTS).read_bytes() == (distilbert / WEIGHTS).read_bytes()
    assert proxy.downloads == [503, 429, 200]


@pytest.mark.parametrize("how", ["flip", 404])
def test_a_damaged_download_is_never_used(
    cache: Path, model: str, proxy: Proxy, how: int | str
) -> None:
    proxy.spoil = [how] * 50
    with pytest.raises(UserError, match=r"^--model takes"):
        RemoteModel.find(model).download()
    assert [path.name for path in cache.iterdir() if not path.name.endswith(".lock")] == []
    # When the bucket is well again, so is the next try.
    proxy.spoil = []
    assert (Path(RemoteModel.find(model).download()) / WEIGHTS).exists()


def test_a_download_that_breaks_off_is_taken_up(
    cache: Path, model: str, proxy: Proxy, distilbert: Path
) -> None:
    proxy.spoil = ["cut"]
    folder = Path(RemoteModel.find(model).download())
    assert (folder / WEIGHTS).read_bytes() == (distilbert / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gs://results/nothing-here", "in which nothing of a model is found"),
        ("gs://no-such-bucket/model", "--model takes a folder that can be listed"),
        ("gs://", "--model takes a folder such as gs://bucket/folder"),
    ],
)
def test_no_model_there_is_one_line(cache: Path, path: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        RemoteModel.find(path)
    assert message in str(caught.value)


def test_folders_inside_are_named(cache: Path, model: str) -> None:
    with pytest.raises(UserError, match=r"folders name the one with the model: model$"):
        RemoteModel.find("gs://results")


def test_the_door_takes_a_bucket(
    cache: Path,
    bucket: dict[str, str],  # noqa: F811
    distilbert: Path,
    tmp_path: Path,
) -> None:
    """An old model, of which other files are needed than by a run."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film"]
    weights = io.BytesIO()
    torch.save(load_file(distilbert / WEIGHTS), weights)
    put(bucket, "old/config.json", (distilbert / "config.json").read_bytes())
    put(bucket, "old/vocab.txt", "\n".join(words).encode())
    put(bucket, "old/pytorch_model.bin", weights.getvalue())
    put(bucket, "old/optimizer.pt", b"large")
    bundle("gs://results/old", tmp_path / "out", print)
    record = json.loads((tmp_path / "out" / "digests.json").read_text())
    assert (record["source"], record["model"]) == ("bucket", "gs://results/old")
    assert set(record["files"]) == {
        "config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS,
    }  # fmt: skip
    # What was downloaded for it is gone.
    assert {one.name for one in tmp_path.iterdir()} <= {"out", "cache"}


def test_a_model_of_another_kind_fails_at_launch(
    bucket: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    put(bucket, "other/config.json", b'{"architectures": ["GPT2LMHeadModel"]}')
    put(bucket, "other/tokenizer.json", b"{}")
    put(bucket, f"other/{WEIGHTS}", b"weights")
    put(bucket, "in/a.txt", b"a good film\n")
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, "--input=gs://results/in/a.txt", f"--output={tmp_path}/o",
         "--model=gs://results/other"],
        cwd=ROOT, env=bucket, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: --model takes a folder with a sequence-classification model; got "
        "'gs://results/other', whose architecture is GPT2LMHeadModel: train it on labels first"
    )


def test_everything_in_buckets(
    bucket: dict[str, str], model: str, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    put(bucket, "texts/a.txt", b"a good film\n\xff\na bad one\n")
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, "--input=gs://results/texts/*", f"--model={model}",
         "--output=gs://results/everything", "--encoding=utf-8"],
        cwd=ROOT, capture_output=True, text=True, timeout=200,
        env={**os.environ, **bucket, "RUNINFERENCE_METRICS_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = objects(bucket)
    assert found["everything/predictions-00000-of-00001.jsonl"].count("\n") == 2
    assert '"invalid_utf8"' in found["everything/dead_letters-00000-of-00001.jsonl"]
    assert "everything/report.html" in found
    assert "Results are in gs://results/everything" in done.stdout
