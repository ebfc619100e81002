import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runinference_metrics.errors import UserError
from runinference_metrics.models.folder import RANGES, ModelFolder
from runinference_metrics.models.heads import Head


def test_what_a_folder_says(distilbert: Path) -> None:
    folder = ModelFolder.read(str(distilbert))
    assert folder.architecture == "DistilBertForSequenceClassification"
    assert folder.head == Head(("NEGATIVE", "NEUTRAL", "POSITIVE"), "softmax")
    assert folder.max_length() == 64
    assert folder.max_length(10) == 10
    with pytest.raises(UserError, match=r"--max_length takes .* to 64, the limit .*; got 65"):
        folder.max_length(65)


def _config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "which is no folder"),
        (lambda folder: (folder / "config.json").unlink(), "which has no config.json"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "which has no tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no safetensors weights"),
        (lambda folder: (folder / "config.json").write_text("{"), "which is no JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "which is no JSON object"),
        (_config(architectures=["BertForMaskedLM"]), "whose architecture is BertForMaskedLM"),
        (_config(quantization_config={"quant_method": "gptq"}), "which is quantised (gptq)"),
    ],
)
def test_a_folder_that_is_no_classifier_says_why(
    tmp_path: Path, distilbert: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(distilbert, folder)
    spoil(folder)
    with pytest.raises(UserError, match="--model takes a folder") as caught:
        ModelFolder.read(str(folder))
    assert message in str(caught.value)


def test_roberta_counts_its_positions_from_behind_the_padding() -> None:
    config = {
        "architectures": ["RobertaForSequenceClassification"], "model_type": "roberta",
        "pad_token_id": 1, "max_position_embeddings": 34,
    }  # fmt: skip
    names = {"config.json", "tokenizer.json", "model.safetensors"}
    contents = {"config.json": json.dumps(config).encode()}
    assert ModelFolder.of("model", names, contents).max_length() == 32


def test_the_digest_is_of_the_content(tmp_path: Path, distilbert: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(distilbert, folder)
    before = digests(distilbert)
    assert digests(folder) == before
    # Ranges are no part of the model; what they are found from is said beside the digest.
    (folder / RANGES).write_bytes(b"anything")
    assert digests(folder) == before
    _config(anything=1)(folder)
    model, weights = digests(folder)
    assert model != before[0]
    assert weights == before[1]


def digests(path: Path) -> tuple[str, str]:
    """Of the whole model, and of its weights."""
    folder = ModelFolder.read(str(path))
    files = folder.file_digests()
    return folder.digest(files), folder.weights_digest(files)


def test_recorded_ranges_are_compared_like_all_files(tmp_path: Path, distilbert: Path) -> None:
    folder = Path(shutil.copytree(distilbert, tmp_path / "model"))
    (folder / RANGES).write_bytes(b"as they were")
    recorded = hashlib.sha256(b"as they were").hexdigest()
    (folder / "digests.json").write_text(json.dumps({"files": {RANGES: recorded}}))
    assert ModelFolder.read(str(folder)).file_digests()[RANGES] == recorded
    (folder / RANGES).write_bytes(b"changed")
    with pytest.raises(UserError, match=r"int8.safetensors' with SHA-256 .*, recorded as"):
        ModelFolder.read(str(folder)).file_digests()
    (folder / RANGES).unlink()
    with pytest.raises(UserError, match=r"int8.safetensors' with SHA-256 nothing"):
        ModelFolder.read(str(folder)).file_digests()


def test_a_precision_that_an_architecture_lacks_is_refused_before_the_run() -> None:
    config = json.dumps({"model_type": "xlnet", "architectures": None}).encode()
    names = {"config.json", "tokenizer.json", "model.safetensors"}
    folder = ModelFolder.of("gs://b/m", names, {"config.json": config})
    for possible in ("auto", "float32", "int8"):
        folder.check_precision(possible)
    with pytest.raises(UserError, match=r"can compute \(float32, int8\); got float16, in which"):
        folder.check_precision("float16")
