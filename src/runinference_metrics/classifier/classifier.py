"""The model and its tokenizer on a device. Knows nothing of Beam."""

import contextlib
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import transformers

from runinference_metrics.classifier import cuda
from runinference_metrics.classifier.devices import (
    FLOAT16,
    check_device,
    device_name,
    instruction_sets,
)
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.from_folder import from_folder
from runinference_metrics.classifier.gpu import GpuMonitor
from runinference_metrics.classifier.host_memory import keep_freed_memory
from runinference_metrics.classifier.lanes import Lanes
from runinference_metrics.classifier.network import Grouping, Network
from runinference_metrics.classifier.passes import Function, Passes, Started
from runinference_metrics.classifier.precisions import Loaded
from runinference_metrics.classifier.second import Second
from runinference_metrics.classifier.token_budgets import Budget, Source, from_table, searched
from runinference_metrics.classifier.tokens import TokenizedTexts, Tokens
from runinference_metrics.models import heads
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import NO_WORK, BatchStats, Effective, sum_of
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.blame import TextFault

_LOG = logging.getLogger(__name__)

_FUNCTIONS: dict[str, Function] = {
    heads.SOFTMAX: lambda logits: logits.softmax(-1),
    heads.SIGMOID: torch.sigmoid,
    heads.PLAIN: lambda logits: logits,
}
# float32 carries seven to eight decimals of a probability; the rest is noise in the output.
_SCORE_DECIMALS = 8


@dataclass(frozen=True)
class ClassifierSpec:
    """What to load, and how; the names are those of the parameters.

    `max_batch_tokens`, `max_length` and `label_names` may be None: decided by the device and the
    model. `threads` is None for torch's own choice. `searches` says whether there is enough work to
    look for the fastest `max_batch_tokens` first.
    """

    model: str
    device: str = "CPU"
    precision: str = "auto"
    max_batch_tokens: int | None = None
    max_length: int | None = None
    threads: int | None = None
    label_names: tuple[str, ...] | None = None
    searches: bool = False

    def load(self) -> "Classifier":
        """Loads the model; takes seconds. Raises UserError when it cannot be used."""
        return Classifier(self)


# On a GPU so many texts are tokenised at once, until their lengths are known.
FIRST_TEXTS_ON_A_GPU = 2048
# From then on as many as fill so many budgets: the GPU computes them while the next are tokenised.
# A little less than two, so that chance does not cut them into three.
BUDGETS_AT_ONCE_ON_A_GPU = 1.9
_FEWEST_TEXTS_ON_A_GPU = 64
# The thread that launches kernels waits so long for each turn beside threads that compute in
# Python. Beside three of them it takes 232 ms with Python's own 5 ms, 19 with 0.5 and 9 with this
# (bench/gpu_host.py, two cores of an AMD EPYC, no GPU); four such threads get a tenth less done.
SWITCH_INTERVAL_ON_A_GPU_SECS = 0.0001
_SHORT_TEXT, _WORD = "It is a film like many others.", "long "


class Classifier:
    """A sequence classifier that is ready to work. One forward pass runs at a time.

    Args:
        spec: what to load.

    Raises:
        UserError: the device is not there, or the model is none that can be used.
    """

    def __init__(self, spec: ClassifierSpec) -> None:
        folder = ModelFolder.read(spec.model, spec.label_names)
        check_device(spec.device)
        if spec.threads:
            torch.set_num_threads(spec.threads)
            # The tokenizer's own threads, which it starts when it is first used.
            os.environ.setdefault("RAYON_NUM_THREADS", str(spec.threads))
        self._gpu = spec.device == "GPU"
        device = str(cuda.device()) if self._gpu else "cpu"
        if not self._gpu:
            keep_freed_memory()
        self._function = folder.head.function
        self.label_names = folder.head.label_names
        model = from_folder(folder, spec.device, device, spec.precision, spec.max_length)
        self._tokenizer, loaded = model.tokenizer, model.loaded
        network = loaded.network
        self._monitor = GpuMonitor() if self._gpu else None
        # What does not compute side by side uses all cores in each of its products.
        self._lanes = Lanes(torch.get_num_threads() if network.side_by_side else 1)
        budget = self._budget(spec, loaded)
        self._passes = self._passes_of(network, budget.max_tokens)
        self._second: Second | None = None
        if loaded.precision == FLOAT16:
            self._second = Second(
                lambda: self._passes_of(
                    model.exact_network(), max(1, self._passes.budget.max_tokens // 2)
                )
            )
        self._texts_at_once: int | None = None
        if self._gpu:
            self._texts_at_once = FIRST_TEXTS_ON_A_GPU
            sys.setswitchinterval(SWITCH_INTERVAL_ON_A_GPU_SECS)
            if self._passes.fill(self._samples()):
                budget = Budget(self._passes.budget.max_tokens, Source.MEMORY)
                _LOG.warning(
                    "max_batch_tokens is %d: more do not fit the GPU's memory.", budget.max_tokens
                )
        self.effective = Effective(
            device_name=device_name(spec.device),
            instruction_sets=instruction_sets(spec.device),
            precision=loaded.precision,
            grouping=str(network.grouping),
            attention=network.attention,
            fused=network.fused,
            fallback=loaded.fallback,
            quantised=loaded.quantised,
            max_batch_tokens=budget.max_tokens,
            max_batch_tokens_from=budget.source,
            max_length=model.max_length,
            threads=torch.get_num_threads(),
            switch_interval_micro_secs=round(1e6 * sys.getswitchinterval()),
            model_architecture=model.architecture,
            model_digest=model.digest,
            torch_version=torch.__version__,
            transformers_version=transformers.__version__,
        )
        _LOG.info("Classifier ready: %s", asdict(self.effective))

    def _passes_of(self, network: Network, max_tokens: int) -> Passes:
        return Passes(network, _FUNCTIONS[self._function], self._lanes, max_tokens, self._gpu)

    def _samples(self) -> Iterator[Tokens]:
        """A short text and the longest there can be, as far as the tokenizer takes them."""
        for text in (_SHORT_TEXT, _WORD * self._tokenizer.max_length):
            with contextlib.suppress(TextFault):
                yield self._tokenizer([text]).tokens

    def _budget(self, spec: ClassifierSpec, loaded: Loaded) -> Budget:
        if spec.max_batch_tokens:
            return Budget(spec.max_batch_tokens, Source.PARAMETER)
        network = loaded.network
        packed = isinstance(network, PackedEncoder)
        instructions = instruction_sets(spec.device)
        usual = from_table(spec.device, loaded.precision, instructions, packed)
        if not (spec.searches and isinstance(network, PackedEncoder) and not self._gpu):
            return Budget(usual, Source.TABLE)
        probe, lanes = network.probe, self._lanes

        def side_by_side(tokens: int) -> None:
            lanes.map(_in_inference_mode(probe), [tokens] * lanes.count)

        return Budget(searched(usual, side_by_side), Source.SEARCH)

    @property
    def model_bytes(self) -> int:
        """What the weights occupy: device memory on a GPU, host memory on a CPU."""
        return self._passes.network.num_bytes

    @property
    def gpus(self) -> int:
        """The GPUs of this machine, which are paid for whether used or not; 0 on a CPU."""
        return cuda.count() if self._gpu else 0

    def classify(self, texts: Sequence[Text]) -> Classification:
        """Classifies texts, in their order.

        Tokenises them, orders them by length, and runs micro-batches under the token budget. The
        device's work is finished when it returns. On a GPU, texts are tokenised some thousand at a
        time, while the GPU computes what came before: it is waited for only once. What float16
        cannot hold is computed again in float32.
        """
        if not texts:
            return Classification(self.label_names, [], [], NO_WORK)
        done: list[_Begun] = []
        at = 0
        while at < len(texts):
            done.append(self._start(texts[at : at + self._step(len(texts) - at)]))
            at += len(done[-1].tokenized.tokens)
        finishing = time.perf_counter_ns()
        scores = np.concatenate([one.tokenized.in_order(one.started.scores()) for one in done])
        float32_retries = self._retry_in_float32(texts, scores)
        finished = time.perf_counter_ns()
        parts = [part for one in done for part in one.started.parts]
        lengths = np.concatenate([part.lengths for part in parts])
        gpu_times = [spent for one in done if (spent := one.started.gpu_time())]
        forward_nano_secs = sum(one.started.launch_nano_secs for one in done)
        stats = BatchStats(
            texts=len(texts),
            tokens=sum(len(part.ids) for part in parts),
            padding=sum(self._passes.network.padding(part) for part in parts),
            truncated=sum(one.tokenized.truncated for one in done),
            micro_batches=len(parts),
            tokenize_micro_secs=sum(one.tokenize_nano_secs for one in done) // 1000,
            wait_micro_secs=sum(one.started.wait_nano_secs for one in done) // 1000,
            forward_micro_secs=(forward_nano_secs + finished - finishing) // 1000,
            lengths=dict(Counter(lengths.tolist())),
            out_of_memory_retries=self._passes.budget.take_retries(),
            lowered_batch_tokens=self._passes.budget.lowered,
            gpu=self._monitor.sample() if self._monitor else None,
            gpu_time=sum_of(gpu_times),
            float32_retries=float32_retries,
        )
        return Classification(
            self.label_names,
            # Through float64: the rounded number is then the shortest that a reader can see.
            scores.astype(np.float64).round(_SCORE_DECIMALS).tolist(),
            _winners(scores),
            stats,
        )

    def _step(self, left: int) -> int:
        """How many of the texts that are left are tokenised next: all in like steps."""
        if self._texts_at_once is None:
            return left
        return -(-left // -(-left // self._texts_at_once))

    def _start(self, texts: Sequence[Text]) -> "_Begun":
        """Tokenises texts and hands them to the device, which may still be computing then."""
        started = time.perf_counter_ns()
        tokenized = self._tokenizer(texts)
        tokenize_nano_secs = time.perf_counter_ns() - started
        begun = _Begun(tokenized, self._passes.start(tokenized.tokens), tokenize_nano_secs)
        if self._gpu and self._passes.network.grouping == Grouping.PACKED:
            mean = len(tokenized.tokens.ids) / len(texts)
            filling = BUDGETS_AT_ONCE_ON_A_GPU * self._passes.budget.max_tokens / mean
            self._texts_at_once = max(_FEWEST_TEXTS_ON_A_GPU, int(filling))
        return begun

    def _retry_in_float32(self, texts: Sequence[Text], scores: np.ndarray) -> int:
        """Computes again, into `scores`, what float16 cannot hold; returns of how many texts."""
        if self._second is None:
            return 0
        lost = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        passes = self._second.passes() if len(lost) else None
        if passes is None:
            return 0
        tokenized = self._tokenizer([texts[index] for index in lost.tolist()])
        scores[lost] = tokenized.in_order(passes.start(tokenized.tokens).scores())
        return len(lost)


def _in_inference_mode(probe: Callable[[int], None]) -> Callable[[int], None]:
    """For threads, which do not inherit it."""

    def run(tokens: int) -> None:
        with torch.inference_mode():
            probe(tokens)

    return run


@dataclass(frozen=True)
class _Begun:
    """Texts that the device has, and how long tokenising them took."""

    tokenized: TokenizedTexts
    started: Started
    tokenize_nano_secs: int


def _winners(scores: np.ndarray) -> list[int | None]:
    """The label with the highest score of each text; None where a score is not finite."""
    finite = np.isfinite(scores).all(axis=1)
    best = scores.argmax(axis=1)
    if finite.all():
        return best.tolist()
    return [int(label) if good else None for label, good in zip(best, finite, strict=True)]
