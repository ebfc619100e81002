"""Models read from their file, against the same models loaded by transformers."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from conftest import DEMO_MODEL, ROOT, make_model, two_shards
from runinference_metrics.classifier import families, loading
from runinference_metrics.classifier.classifier import Classifier, ClassifierSpec
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.errors import UserError

PACKED = ("distilbert", "bert", "roberta", "xlm-roberta", "camembert")
WEIGHTS = "model.safetensors"


@pytest.fixture
def by_transformers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were loaded by transformers."""
    loaded = []
    own = loading._load_model

    def load(folder: Any, config: Any, dtype: torch.dtype) -> Any:
        loaded.append(folder.path)
        return own(folder, config, dtype)

    monkeypatch.setattr(loading, "_load_model", load)
    return loaded


def edit(folder: Path, change: Any) -> Path:
    """Writes the weights anew, as `change` leaves them."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    # A copy is written before the mapped file is replaced.
    save_file(tensors, folder / "changed", metadata={"format": "pt"})
    (folder / "changed").rename(folder / WEIGHTS)
    return folder


def load(folder: Path, precision: str = "float32") -> Classifier:
    return ClassifierSpec(str(folder), precision=precision).load()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "int8"])
@pytest.mark.parametrize("architecture", PACKED)
def test_a_file_read_is_the_model_that_transformers_loads(
    tmp_path: Path,
    sentences: list[str],
    by_transformers: list[str],
    architecture: str,
    precision: str,
) -> None:
    folder = make_model(tmp_path / "direct", architecture)
    direct = load(folder, precision)
    assert by_transformers == []
    other = shutil.copytree(folder, tmp_path / "other")
    # What a checkpoint has left of its pretraining: harmless, but not exactly the model.
    edit(other, lambda tensors: tensors.update({"lm_head.bias": torch.zeros(3)}))
    loaded = load(other, precision)
    assert by_transformers == [str(other)]
    for one in (direct, loaded):
        assert isinstance(one._passes.network, PackedEncoder)
    assert direct.classify(sentences).scores == loaded.classify(sentences).scores
    assert direct.model_bytes == loaded.model_bytes
    assert direct.label_names == loaded.label_names


def test_a_buffer_of_positions_is_no_weight(
    tmp_path: Path, by_transformers: list[str], sentences: list[str]
) -> None:
    folder = make_model(tmp_path / "m", "bert")
    expected = load(folder).classify(sentences).scores
    edit(folder, lambda tensors: tensors.update(
        {"bert.embeddings.position_ids": torch.arange(64)[None]}))  # fmt: skip
    assert load(folder).classify(sentences).scores == expected
    assert by_transformers == []


def test_names_of_old_checkpoints_are_left_to_transformers(
    tmp_path: Path, by_transformers: list[str], sentences: list[str]
) -> None:
    """BERT's own normalisations were called gamma and beta once."""
    folder = make_model(tmp_path / "m", "bert")

    def shift(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            tensors[name] = tensors[name] + 0.25

    # Other than 1 and 0, which they would be if nothing was found.
    edit(folder, shift)
    expected = load(folder).classify(sentences).scores

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            old = name.replace("weight", "gamma").replace("bias", "beta")
            tensors[old] = tensors.pop(name)

    edit(folder, rename)
    assert load(folder).classify(sentences).scores == expected
    assert by_transformers == [str(folder)]


def test_weights_in_shards_are_left_to_transformers(
    tmp_path: Path, by_transformers: list[str], sentences: list[str]
) -> None:
    folder = make_model(tmp_path / "m", "distilbert")
    expected = load(folder).classify(sentences).scores
    two_shards(folder)
    assert load(folder).classify(sentences).scores == expected
    assert by_transformers == [str(folder)]


@pytest.mark.parametrize("activation", ["relu", "gelu_new", "silu"])
def test_other_activations_are_transformers_own(
    tmp_path: Path, activation: str, sentences: list[str]
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = make_model(tmp_path / "m", "bert", hidden_act=activation)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(
        sentences, truncation=True, padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model(**inputs).logits.softmax(-1)
    found = torch.tensor(load(folder).classify(sentences).scores)
    assert torch.allclose(found, expected, atol=1e-5)


def test_an_activation_that_nobody_knows_is_the_model_s_fault(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "bert")
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hidden_act": "wobble"}))
    with pytest.raises(UserError, match="wobble"):
        load(folder)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("bert", {"is_decoder": True}),
        ("bert", {"quantization_config": {"quant_method": "gptq"}}),
        # Its positions are counted from there.
        ("roberta", {"pad_token_id": None}),
    ],
)
def test_what_is_not_plain_has_no_packed_form(kind: str, change: dict[str, Any]) -> None:
    assert families.family_of(AutoConfig.for_model(kind)) is not None
    assert families.family_of(AutoConfig.for_model(kind, **change)) is None


def test_heads_that_do_not_divide_the_width_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "distilbert")
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "n_heads": 5}))
    with pytest.raises(UserError, match=r"transformers can load.* 5 must divide"):
        load(folder)


def test_a_tokenizer_nested_too_deeply_is_damaged(tmp_path: Path, distilbert: Path) -> None:
    folder = shutil.copytree(distilbert, tmp_path / "m")
    (folder / "tokenizer.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match="damaged"):
        load(folder)


def test_a_file_that_is_not_the_one_recorded_explains_what_else_is_wrong(
    tmp_path: Path, distilbert: Path
) -> None:
    folder = shutil.copytree(distilbert, tmp_path / "m")
    (folder / "digests.json").write_text(json.dumps({"files": {WEIGHTS: "0" * 64}}))
    # Which alone would be refused too, with other words.
    edit(folder, lambda tensors: tensors.pop("distilbert.transformer.layer.0.ffn.lin1.weight"))
    with pytest.raises(UserError, match=r"digests\.json"):
        load(folder)


@pytest.mark.starts
def test_reading_the_file_leaves_transformers_architectures_alone() -> None:
    """They take as long to import as torch itself, which every process would wait for."""
    program = (
        "import sys; from runinference_metrics.classifier.classifier import ClassifierSpec\n"
        f"print(ClassifierSpec({str(DEMO_MODEL)!r}).load().classify(['A good film.']).winners)\n"
        "print([name for name in ('transformers.modeling_utils', 'torch._dynamo', 'sympy')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[1]\n[]\n", done.stderr


@pytest.mark.starts
def test_the_classifier_and_its_gpu_benchmark_need_only_torch_and_transformers() -> None:
    """So that they run on any machine with a GPU; what else the image has is barred here."""
    needed = {"huggingface_hub", "numpy", "safetensors", "tokenizers", "torch", "transformers"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[=]", one)[0].replace("-", "_") for one in project}
    # What transformers itself imports where it is there.
    barred = names - needed - {"pyyaml", "rich"}
    assert {"apache_beam", "orjson", "google_cloud_storage"} <= barred
    modules = sorted({"google" if name.startswith("google") else name for name in barred})
    modules.append("pynvml")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({modules!r})); sys.path.append('bench')\n"
        "import material, on_gpu\n"
        "from runinference_metrics.classifier.classifier import ClassifierSpec\n"
        f"found = ClassifierSpec({str(DEMO_MODEL)!r}).load().classify(material.make_texts(5))\n"
        "print(len(found.winners))\n"
        "on_gpu.main()"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if not torch.cuda.is_available():
        assert done.stdout.startswith("5\nnot run: no GPU"), done.stderr
    assert done.returncode == 0, done.stderr


def test_what_transformers_says_of_a_configuration_is_whole(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "distilbert")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_layers": "two"}))
    with pytest.raises(UserError, match=r"'n_layers': .*int.*transformers .* is here"):
        load(folder)
