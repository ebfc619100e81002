"""Models of the hub, against a stand-in that speaks the real protocol."""

import json
from pathlib import Path
from typing import Any

import bundles_for_tests
import pytest
from bundles_for_tests import NAME, check_equal_to_pipeline, digests, names
from transformers import AutoTokenizer

from hub_for_tests import COMMIT, Hub
from runinference_metrics.bundling.bundle import bundle, cached
from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import ModelFolder

# Fixtures, here by their names.
hub = bundles_for_tests.hub
old = bundles_for_tests.old
said = bundles_for_tests.said
source = bundles_for_tests.source


def test_from_the_hub_comes_only_what_is_needed(
    hub: Hub, old: Path, tmp_path: Path, said: list[str]
) -> None:
    hub.models[NAME] = old
    output = tmp_path / "bundled"
    bundle(f"{NAME}@{COMMIT[:7]}", output, said.append)
    assert sorted(hub.fetched) == [
        "config.json", "pytorch_model.bin", "tokenizer_config.json", "vocab.txt",
    ]  # fmt: skip
    record = json.loads((output / "digests.json").read_text())
    # The whole commit, whatever was asked for.
    assert (record["source"], record["model"], record["revision"]) == ("hub", NAME, COMMIT)
    assert names(output) == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "digests.json",
    }  # fmt: skip
    assert record["files"] == {k: v for k, v in digests(output).items() if k != "digests.json"}
    assert said[0] == f"{NAME}@{COMMIT[:7]} is {NAME}@{COMMIT} today; write that to get the same " \
                      "model again"  # fmt: skip
    # The tokenizer made of the vocabulary is transformers' own.
    assert ModelFolder.read(str(output)).max_length() == 64
    own = AutoTokenizer.from_pretrained(old)
    text = "A GOOD film! films unknown"
    assert AutoTokenizer.from_pretrained(output)(text)["input_ids"] == own(text)["input_ids"]
    assert own.convert_ids_to_tokens(own(text)["input_ids"])[:4] == ["[CLS]", "a", "good", "film"]
    check_equal_to_pipeline(old, output)
    # A second time nothing is fetched again.
    before = len(hub.fetched)
    bundle(f"{NAME}@{COMMIT}", tmp_path / "again", said.append)
    assert len(hub.fetched) == before
    assert digests(tmp_path / "again") == digests(output)


def test_without_a_revision_the_newest_commit_is_pinned_and_said(
    hub: Hub, source: Path, tmp_path: Path, said: list[str]
) -> None:
    # An old model's name has no owner.
    hub.models["name"] = source
    bundle("name", tmp_path / "out", said.append)
    assert json.loads((tmp_path / "out" / "digests.json").read_text())["revision"] == COMMIT
    assert f"name is name@{COMMIT} today" in said[0]


def test_a_folder_here_comes_before_the_hub(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    (tmp_path / "owner").mkdir()
    source.rename(tmp_path / "owner" / "name")
    monkeypatch.chdir(tmp_path)
    bundle(NAME, tmp_path / "out", said.append)
    assert hub.asked == []
    assert json.loads((tmp_path / "out" / "digests.json").read_text())["source"] == "folder"


@pytest.mark.parametrize(
    ("asked", "change", "message"),
    [
        ("owner/other", {}, "'owner/other', which is no folder here, and on the hub is not to be "
         "seen: check the name; for a private one set HF_TOKEN to a token of an account"),
        (f"{NAME}@v9", {}, "'owner/name@v9', which has no revision v9: http://127.0.0.1:"),
        (NAME, {"gated": {NAME}}, "which is gated: accept its terms on http://127.0.0.1:"),
        (NAME, {"status": 500}, "for which the hub answers 500"),
        (NAME, {"url": ""}, "cannot be reached"),
        ("not a name", {}, "which is no folder here and no name on the hub"),
    ],
)  # fmt: skip
def test_what_the_hub_refuses_is_a_sentence(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str],
    asked: str, change: dict[str, Any], message: str,
) -> None:  # fmt: skip
    hub.models[NAME] = source
    for name, value in change.items():
        setattr(hub, name, value)
    if hub.url == "":
        # A port at which nobody listens.
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        bundle(asked, tmp_path / "out", said.append)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_gated_model_comes_with_its_token(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    hub.models[NAME] = source
    hub.gated = {NAME}
    monkeypatch.setenv("HF_TOKEN", hub.token)
    bundle(NAME, tmp_path / "out", said.append)
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_off_the_hub_is_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE=1 keeps .* model owner/name --output="):
        bundle(NAME, tmp_path / "out", said.append)


def test_the_cache_has_a_folder_a_commit(
    hub: Hub, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(tmp_path / "cache"))
    hub.models[NAME] = source
    first = cached(HubName(NAME, "main"), said.append)
    assert first == tmp_path / "cache" / f"owner--name@{COMMIT}"
    assert sum("is owner/name@" in one for one in said) == 1
    hub.models.clear()
    # A whole commit is asked of nobody.
    assert cached(HubName(NAME, COMMIT), said.append) == first
