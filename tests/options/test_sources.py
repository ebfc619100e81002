"""Where a model comes from, as people write it."""

import pytest

from runinference_metrics.errors import UserError
from runinference_metrics.options.sources import local_folder, model_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("owner/name", "owner/name"),
        ("owner/name@main", "owner/name@main"),
        ("https://huggingface.co/owner/name", "owner/name"),
        ("https://huggingface.co/owner/name/", "owner/name"),
        ("huggingface.co/owner/name", "huggingface.co/owner/name"),
        ("https://www.huggingface.co/name", "name"),
        ("https://hf.co/owner/name?library=transformers", "owner/name"),
        ("https://huggingface.co/owner/name/tree/v1.0", "owner/name@v1.0"),
        ("https://huggingface.co/owner/name/blob/main/config.json", "owner/name@main"),
        ("https://huggingface.co/owner/name/resolve/714eb0f/a/b.bin", "owner/name@714eb0f"),
        ("https://huggingface.co/owner/name/commit/714eb0f", "owner/name@714eb0f"),
        ("https://huggingface.co/owner/name/discussions", "owner/name"),
        ("hf://owner/name@v1", "owner/name@v1"),
        ("hf://models/owner/name", "owner/name"),
        ("https://storage.googleapis.com/bucket/folder", "gs://bucket/folder"),
        (" models/mine ", "models/mine"),
    ],
)
def test_a_source_in_other_clothes(text: str, source: str) -> None:
    assert model_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/datasets/owner/name", "https://huggingface.co/spaces/owner/name",
        "https://huggingface.co/", "https://example.com/model.zip", "s3://bucket/model", " ",
    ],
)  # fmt: skip
def test_what_is_no_source_is_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"^SOURCE takes "):
        model_source(text)


def test_a_folder_is_made_here() -> None:
    assert local_folder("models/mine") == "models/mine"
    with pytest.raises(UserError, match=r"^--output takes a new folder on this machine.*gcloud st"):
        local_folder("gs://bucket/model")
    with pytest.raises(UserError, match=r"^--output takes "):
        local_folder("s3://bucket/model")
