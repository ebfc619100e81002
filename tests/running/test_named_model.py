"""A model named as on the hub: when it is fetched, and what is said when it is not."""

from pathlib import Path

import pytest

from hub_for_tests import COMMIT, Hub, serving_hub, use
from runinference_metrics.errors import UserError
from runinference_metrics.options.command_line import parse
from runinference_metrics.options.settings import Settings
from runinference_metrics.running.named_model import fetched, refuse


def settings(model: str) -> Settings:
    return parse(["--input=in", "--output=out", f"--model={model}"])[0]


def test_it_is_fetched_into_the_cache(
    distilbert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(tmp_path / "cache"))
    with serving_hub(Hub({"owner/name": distilbert})) as hub:
        use(hub, tmp_path / "hub-cache", monkeypatch)
        found = fetched(settings("https://huggingface.co/owner/name/tree/main"))
    assert found.model == str(tmp_path / "cache" / f"owner--name@{COMMIT}")
    assert (Path(found.model) / "model.safetensors").is_file()


def test_without_a_revision_nothing_is_fetched() -> None:
    """It is as likely a folder's name with a slip in it."""
    with pytest.raises(UserError, match=r"got 'models/dmo', which is no folder here; for the hub's "
                                        r"model of that name write models/dmo@main"):  # fmt: skip
        fetched(settings("models/dmo"))


@pytest.mark.parametrize("model", ["bundled", "models/demo", "gs://bucket/a@b", "/a/b@c", "name"])
def test_a_folder_stays_what_it_is(model: str) -> None:
    given = settings(model)
    assert fetched(given) == given
    refuse(given)


@pytest.mark.parametrize("model", ["owner/name", "owner/name@v1"])
def test_workers_fetch_nothing_and_the_next_step_is_said(model: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse(settings(model))
    message = str(caught.value)
    assert f"`python -m runinference_metrics model {model} --output=FOLDER` and copy it to gs://" \
        in message  # fmt: skip
    assert "`make image MODEL_ID=owner/name MODEL_REVISION=" in message


def test_in_the_image_the_hub_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNINFERENCE_METRICS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for revision in ("v1", COMMIT):
        with pytest.raises(UserError) as caught:
            fetched(settings(f"owner/name@{revision}"))
        assert "HF_HUB_OFFLINE=1 keeps the program off the hub, as always in the image: where " \
            "there is a network, make its folder with" in str(caught.value)  # fmt: skip
