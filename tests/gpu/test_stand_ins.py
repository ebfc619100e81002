"""The GPU's path without a GPU, on two stand-ins; and whether they find faults that are planted."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from conftest import make_model, tell_texts_apart, write_tokenizer
from gpu_for_tests import classify, fake_gpu, module_of, mutated, strict_gpu
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.classifier.token_budgets import AUTO_BATCH_TOKENS

TEXTS = ["good film", "a bad film", "so bad " * 12, "a", "good " * 30, "film"] * 8
T4 = (7, 5)
# Scores in 16 bits differ so much from those in float32, of these models.
ROUNDING = 0.02


@dataclass(frozen=True)
class Model:
    """A model, and its scores in float32 on a CPU."""

    folder: Path
    scores: Sequence[Sequence[float]]


def exact(folder: Path, texts: Sequence[str] = TEXTS) -> Model:
    found = ClassifierSpec(str(folder), precision="float32").load().classify(list(texts))
    return Model(folder, found.scores)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    root = tmp_path_factory.mktemp("models")
    found = {
        name: exact(make_model(root / name, name))
        for name in ("distilbert", "bert", "roberta", "electra")
    }
    found["width 12"] = exact(of_width_12(root / "width12"))
    found["overflowing"] = exact(overflowing(root / "overflowing"))
    return found


def of_width_12(folder: Path) -> Path:
    """Heads of 12 features, which flash attention does not take."""
    torch.manual_seed(3)
    config = DistilBertConfig(
        vocab_size=write_tokenizer(folder, type_ids=False),
        dim=48, hidden_dim=64, n_layers=2, n_heads=4, max_position_embeddings=64,
    )  # fmt: skip
    model = DistilBertForSequenceClassification(config)
    tell_texts_apart(model)
    model.save_pretrained(folder)
    return folder


def overflowing(folder: Path) -> Path:
    """Between two layers its numbers grow beyond what float16 holds; the next norm mends that."""
    make_model(folder, "distilbert")
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if ".ffn.lin" in name and name.endswith("weight"):
            weights[name] *= 5_000
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def assert_right(found: Any, model: Model, rounding: float = ROUNDING) -> None:
    assert np.isfinite(found.scores).all()
    assert np.allclose(found.scores, model.scores, atol=rounding)


def on_strict_gpu(models: dict[str, Model]) -> None:
    """All that a strict stand-in can tell."""
    with strict_gpu():
        classifier, found = classify(models["distilbert"].folder, TEXTS)
        assert_right(found, models["distilbert"])
        effective = classifier.effective
        assert (effective.attention, effective.fused) == ("flash", "activation")
        assert effective.switch_interval_micro_secs == 100
        assert found.stats.gpu_time.compute_micro_secs > 0
        assert_right(classifier.classify(TEXTS), models["distilbert"])
        _, found = classify(models["bert"].folder, TEXTS, max_batch_tokens=100)
        assert_right(found, models["bert"])
        assert found.stats.micro_batches >= 3
        classifier, found = classify(models["width 12"].folder, TEXTS)
        assert classifier.effective.attention == "efficient"
        assert_right(found, models["width 12"])
        classifier, found = classify(models["electra"].folder, TEXTS)
        assert classifier.effective.attention == ""
        assert_right(found, models["electra"])
    with strict_gpu(T4):
        classifier, found = classify(models["roberta"].folder, TEXTS, "auto")
        assert classifier.effective.attention == "efficient"
        assert classifier.effective.precision == "float16"
        assert_right(found, models["roberta"])
        # What overflows agrees with nothing, and is not scripted.
        _, found = classify(models["overflowing"].folder, TEXTS, "float16", at_once=False)
        assert_right(found, models["overflowing"])
        assert found.stats.float32_retries == len(TEXTS)


def on_fake_gpu(models: dict[str, Model]) -> None:
    """All that a fake one can tell: that nothing waits, and every tensor is where it should be."""
    with fake_gpu():
        for name in ("distilbert", "bert", "roberta"):
            for precision in ("bfloat16", "float32"):
                _, found = classify(models[name].folder, TEXTS, precision)
                assert len(found.scores) == len(TEXTS)


CHECKS: dict[str, Callable[[dict[str, Model]], None]] = {
    "strict": on_strict_gpu, "fake": on_fake_gpu
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_a_stand_in_finds_nothing(models: dict[str, Model], name: str) -> None:
    CHECKS[name](models)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["distilbert", "bert", "roberta", "electra"])
def test_every_precision_gives_what_a_cpu_gives(
    models: dict[str, Model], name: str, precision: str
) -> None:
    with strict_gpu():
        _, found = classify(models[name].folder, TEXTS, precision, max_batch_tokens=300)
    assert_right(found, models[name], 1e-5 if precision == "float32" else ROUNDING)


def test_what_float16_cannot_hold_is_computed_again_on_a_cpu_too(
    models: dict[str, Model], caplog: pytest.LogCaptureFixture
) -> None:
    model = models["overflowing"]
    classifier = ClassifierSpec(str(model.folder), precision="float16").load()
    with caplog.at_level(logging.WARNING, "runinference_metrics.classifier.second"):
        for texts in (TEXTS, TEXTS[:3]):
            found = classifier.classify(texts)
            assert np.allclose(found.scores, model.scores[: len(texts)], atol=1e-5)
            assert found.stats.float32_retries == len(texts)
    # Loaded once.
    assert len(caplog.messages) == 1


def test_without_memory_for_float32_the_scores_stay_as_they_are(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = ClassifierSpec(str(models["overflowing"].folder), precision="float16").load()
    tried = []

    def full(*_: Any) -> Any:
        tried.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("runinference_metrics.classifier.from_folder.load_network", full)
    for _ in range(2):
        found = classifier.classify(TEXTS)
        # They become dead letters, and the run says so.
        assert set(found.winners) == {None}
        assert found.stats.float32_retries == 0
    assert len(tried) == 1


def test_threads_do_not_get_each_other_s_answers(models: dict[str, Model]) -> None:
    with strict_gpu():
        classifier, _ = classify(models["distilbert"].folder, TEXTS, "float32")
        found: dict[int, Any] = {}

        def run(first: int) -> None:
            turned = TEXTS[first:] + TEXTS[:first]
            scores = classifier.classify(turned).scores
            found[first] = scores[len(TEXTS) - first :] + scores[: len(TEXTS) - first]

        threads = [threading.Thread(target=run, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(found) == {0, 1, 2, 3}
    for scores in found.values():
        assert np.allclose(scores, models["distilbert"].scores, atol=1e-5)


# In a module of `classifier`, what stands there, and what is wrong instead.
FAULTS = {
    "edges in 64 bits": ("attention_on_gpu", ".astype(np.int32)", ""),
    "first tokens' edges in 64 bits": (
        "attention_on_gpu", "np.arange(texts + 1, dtype=np.int32)", "np.arange(texts + 1)",
    ),
    "edges left on the host": (
        "attention_on_gpu", "cuda.upload(one, query.device) for one in (asking, edges)",
        "torch.from_numpy(one) for one in (asking, edges)",
    ),
    "tokens left on the host": (
        "encoder", "return cuda.upload(array, self.device)", "return torch.from_numpy(array)",
    ),
    "queries in float32": ("attention_on_gpu", "                of_heads, key, value,",
                           "                of_heads.float(), key, value,"),
    "an attention that was not tried": ("attention_on_gpu", "if problem is None:", "if True:"),
    "the longest text taken for the shortest": (
        "attention_on_gpu", "longest, texts, taken = max(lengths)",
        "longest, texts, taken = min(lengths)",
    ),
    "keys taken for values": (
        "encoder", "found.narrow(1, width, 2 * width)", "found.narrow(1, 0, 2 * width)",
    ),
    "a script's edges in 64 bits": ("scripted", "edges.to(torch.int32)", "edges"),
    "a script's tokens left on the host": (
        "scripted", "cuda.upload(np.concatenate(numbers), self._device)",
        "torch.from_numpy(np.concatenate(numbers))",
    ),
    "a script that adds something else": ("scripted", ".add_(asking)", ".add_(attended)"),
    "a script that waits": (
        "scripted", "    layers = len(weights) // 14\n",
        "    layers = len(weights) // 14\n    assert float(x.sum()) < 1e9\n",
    ),
    "a hidden wait": (
        "encoder", "        attend = self._attention.prepare(tokens, rows)\n",
        "        attend = self._attention.prepare(tokens, rows)\n        x.sum().item()\n",
    ),
    "a mask made by transformers": (
        "loading", "if not padded.use_ready_mask(texts.tokens):", "if True:",
    ),
    "results that nobody waits for": ("cuda", "        self.arrived.wait()\n", ""),
    "an event before its copy": (
        "cuda", "        self._there = fetched(tensor)\n        self.arrived = Mark()\n",
        "        self.arrived = Mark()\n        self._there = fetched(tensor)\n",
    ),
    "an event that is not recorded": ("cuda", "        self._event.record()\n", ""),
    "an event without a time": ("cuda", "enable_timing=True", "enable_timing=False"),
    "a busy wait": ("cuda", "blocking=True", "blocking=False"),
    "another activation": ("linears", "use_gelu=True", "use_gelu=False"),
    "a head in 16 bits": ("members", "exact = self.in_type(torch.float32)", "exact = self"),
    "weights left on the host": (
        "loading", 'framework="pt", device=device)', 'framework="pt")',
    ),
    "an overflow that is kept": (
        "classifier", "if self._precision == FLOAT16:", "if self._precision == EXACT:",
    ),
    "threads that wait for their turn": (
        "classifier", "sys.setswitchinterval(SWITCH_INTERVAL_ON_A_GPU_SECS)", "pass",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(models: dict[str, Model], fault: str) -> None:
    found = faults_found(models, *FAULTS[fault])
    print(found)
    assert found, f"neither stand-in finds {fault}"


def test_what_is_no_fault_is_not_found(models: dict[str, Model]) -> None:
    # Else any package that is imported anew would be called faulty.
    assert faults_found(models, "scripted", "import", "import") == {}


def faults_found(models: dict[str, Model], module: str, old: str, new: str) -> dict[str, str]:
    """What the first stand-in that finds a fault says of it; empty where none does."""
    found = {}
    with mutated(module, old, new):
        for name, check in CHECKS.items():
            try:
                check(models)
            except Exception as error:
                found[name] = f"{type(error).__name__}: {error}"
                break
    return found


def test_the_package_is_its_own_again_after_a_fault() -> None:
    before = module_of("cuda")
    with mutated("cuda", "enable_timing=True", "enable_timing=False"):
        assert module_of("cuda") is not before
    assert module_of("cuda") is before


LENGTHS = {
    "SST-2's": lambda rng: rng.triangular(2, 10, 47, 8192),
    "long": lambda rng: rng.integers(20, 60, 8192),
}


@pytest.mark.parametrize("budget", [8192, AUTO_BATCH_TOKENS["GPU", "bfloat16"]])
@pytest.mark.parametrize("kind", LENGTHS)
def test_micro_batches_are_of_like_size(models: dict[str, Model], kind: str, budget: int) -> None:
    words = LENGTHS[kind](np.random.default_rng(5))
    texts = ["good " * round(count) for count in words]
    with strict_gpu():
        classifier, _ = classify(models["distilbert"].folder, TEXTS, max_batch_tokens=budget)
        sizes: list[int] = []
        network = classifier._passes.network

        class Counting:
            grouping, side_by_side = network.grouping, False
            padding = network.padding

            def __call__(self, tokens: Any) -> torch.Tensor:
                sizes.append(len(tokens.ids))
                return torch.zeros(len(tokens), 3)

        classifier._passes.network = Counting()
        classifier.classify(texts)
        sizes.clear()
        classifier.classify(texts)
    assert len(sizes) > 5
    assert max(sizes) <= 1.15 * np.mean(sizes)
    assert max(sizes) <= budget
