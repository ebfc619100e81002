"""The model and its tokenizer on a device. Knows nothing of Beam."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import torch
import transformers

from runinference_metrics.classifier import precisions
from runinference_metrics.classifier.devices import check_device, device_name, instruction_sets
from runinference_metrics.classifier.encoder import PackedEncoder
from runinference_metrics.classifier.gpu import GpuMonitor
from runinference_metrics.classifier.host_memory import keep_freed_memory
from runinference_metrics.classifier.lanes import Lanes
from runinference_metrics.classifier.loading import load_config, load_network, load_tokenizer
from runinference_metrics.classifier.network import Grouping
from runinference_metrics.classifier.token_budgets import Source, from_table, searched
from runinference_metrics.classifier.tokens import TokenizedTexts, Tokenizer, Tokens
from runinference_metrics.models import heads
from runinference_metrics.models.folder import ModelFolder
from runinference_metrics.records.batching import Cutting
from runinference_metrics.records.classification import Classification
from runinference_metrics.records.measured import NO_WORK, BatchStats, Effective
from runinference_metrics.records.text import Text
from runinference_metrics.recovery.memory import MicroBatches, TokenBudget

_LOG = logging.getLogger(__name__)

_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
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


# While a GPU computes so many texts, the next as many are tokenised; enough to sort well.
TEXTS_AT_ONCE_ON_A_GPU = 2048


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
        if not self._gpu:
            keep_freed_memory()
        self._function = folder.head.function
        self.label_names = folder.head.label_names
        with ThreadPoolExecutor(1) as beside:
            # Reading and digesting the weights takes as long as all else here.
            digesting = beside.submit(folder.file_digests)
            try:
                config = load_config(folder)
                # transformers knows what an architecture has where its config.json says nothing.
                folder = folder.with_config(config.to_dict())
                max_length = folder.max_length(spec.max_length)
                vocabulary = getattr(config.get_text_config(), "vocab_size", None)
                self._tokenizer = Tokenizer(load_tokenizer(folder), max_length, vocabulary)
                loaded = precisions.load_in(
                    spec.precision,
                    spec.device,
                    f"{spec.model!r} ({folder.architecture or config.model_type})",
                    lambda precision: load_network(
                        folder,
                        config,
                        self._tokenizer,
                        precision,
                        "cuda" if self._gpu else "cpu",
                        lambda: folder.weights_digest(digesting.result()),
                    ),
                )
            finally:
                # A file that is not the one recorded explains whatever else was found wrong.
                digest = folder.digest(digesting.result())
        self._network, precision = loaded.network, loaded.precision
        self._texts_at_once = TEXTS_AT_ONCE_ON_A_GPU if self._gpu else None
        self._monitor = GpuMonitor() if self._gpu else None
        # What does not compute side by side uses all cores in each of its products.
        self._lanes = Lanes(torch.get_num_threads() if self._network.side_by_side else 1)
        self._cutting = _cutting(self._network.grouping, self._lanes.count)
        max_batch_tokens, found_in = self._max_batch_tokens(spec, precision)
        self._budget = TokenBudget(max_batch_tokens)
        self._lock = threading.Lock()
        self.effective = Effective(
            device_name=device_name(spec.device),
            instruction_sets=instruction_sets(spec.device),
            precision=precision,
            grouping=str(self._network.grouping),
            fallback=loaded.fallback,
            quantised=loaded.quantised,
            max_batch_tokens=max_batch_tokens,
            max_batch_tokens_from=found_in,
            max_length=max_length,
            threads=torch.get_num_threads(),
            model_architecture=folder.architecture or config.model_type,
            model_digest=digest,
            torch_version=torch.__version__,
            transformers_version=transformers.__version__,
        )
        _LOG.info("Classifier ready: %s", asdict(self.effective))

    def _max_batch_tokens(self, spec: ClassifierSpec, precision: str) -> tuple[int, Source]:
        if spec.max_batch_tokens:
            return spec.max_batch_tokens, Source.PARAMETER
        packed = isinstance(self._network, PackedEncoder)
        usual = from_table(spec.device, precision, instruction_sets(spec.device), packed)
        if not (spec.searches and isinstance(self._network, PackedEncoder) and not self._gpu):
            return usual, Source.TABLE
        probe, lanes = self._network.probe, self._lanes

        def side_by_side(tokens: int) -> None:
            lanes.map(_in_inference_mode(probe), [tokens] * lanes.count)

        return searched(usual, side_by_side), Source.SEARCH

    @property
    def model_bytes(self) -> int:
        """What the weights occupy: device memory on a GPU, host memory on a CPU."""
        return self._network.num_bytes

    @property
    def gpus(self) -> int:
        """The GPUs of this machine, which are paid for whether used or not; 0 on a CPU."""
        return torch.cuda.device_count() if self._gpu else 0

    def classify(self, texts: Sequence[Text]) -> Classification:
        """Classifies texts, in their order.

        Tokenises them, orders them by length, and runs micro-batches under the token budget. The
        device's work is finished when it returns. On a GPU, texts are tokenised some thousand at a
        time, while the GPU computes what came before: it is waited for only once.
        """
        if not texts:
            return Classification(self.label_names, [], [], NO_WORK)
        step = self._texts_at_once or len(texts)
        done = [self._start(texts[at : at + step]) for at in range(0, len(texts), step)]
        finishing = time.perf_counter_ns()
        scores = np.concatenate([one.scores_in_order() for one in done])
        finished = time.perf_counter_ns()
        parts = [part for one in done for part in one.parts]
        lengths = np.concatenate([part.lengths for part in parts])
        stats = BatchStats(
            texts=len(texts),
            tokens=sum(len(part.ids) for part in parts),
            padding=sum(self._network.padding(part) for part in parts),
            truncated=sum(one.tokenized.truncated for one in done),
            micro_batches=len(parts),
            tokenize_micro_secs=sum(one.tokenize_nano_secs for one in done) // 1000,
            wait_micro_secs=sum(one.wait_nano_secs for one in done) // 1000,
            forward_micro_secs=(sum(one.forward_nano_secs for one in done) + finished - finishing)
            // 1000,
            lengths=dict(Counter(lengths.tolist())),
            out_of_memory_retries=self._budget.take_retries(),
            lowered_batch_tokens=self._budget.lowered,
            gpu=self._monitor.sample() if self._monitor else None,
        )
        return Classification(
            self.label_names,
            # Through float64: the rounded number is then the shortest that a reader can see.
            scores.astype(np.float64).round(_SCORE_DECIMALS).tolist(),
            _winners(scores),
            stats,
        )

    def _start(self, texts: Sequence[Text]) -> "_Started":
        """Tokenises texts and hands them to the device, which may still be computing then."""
        started = time.perf_counter_ns()
        tokenized = self._tokenizer(texts)
        waiting = time.perf_counter_ns()
        with self._lock:
            locked = time.perf_counter_ns()
            scores, parts = self._scores(tokenized.tokens)
            handed_over = time.perf_counter_ns()
        return _Started(
            tokenized, scores, parts, waiting - started, locked - waiting, handed_over - locked
        )

    def _scores(self, tokens: Tokens) -> tuple[torch.Tensor, list[Tokens]]:
        """The scores of each text, on the device, and the micro-batches that give them."""

        def logits_of(texts: list[int]) -> tuple[Tokens, torch.Tensor]:
            # Sorted texts are cut into neighbours. Threads do not inherit the mode.
            part = tokens.part(texts[0], texts[-1] + 1)
            with torch.inference_mode():
                return part, self._network(part)

        batches = MicroBatches(
            tokens.lengths.tolist(), self._cutting, self._budget, logits_of, torch.cuda.empty_cache
        )
        done = batches.run(self._lanes.map)
        with torch.inference_mode():
            logits = torch.cat([logits for _, (_, logits) in done])
            scores = _FUNCTIONS[self._function](logits)
        return scores, [part for _, (part, _) in done]


def _in_inference_mode(probe: Callable[[int], None]) -> Callable[[int], None]:
    """For threads, which do not inherit it."""

    def run(tokens: int) -> None:
        with torch.inference_mode():
            probe(tokens)

    return run


def _cutting(grouping: Grouping, at_once: int) -> Cutting:
    if grouping == Grouping.PACKED:
        return Cutting(padded=False, at_once=at_once)
    return Cutting(
        mixed=grouping != Grouping.EQUAL_LENGTHS,
        most_texts=1 if grouping == Grouping.ALONE else None,
    )


@dataclass(frozen=True)
class _Started:
    """Texts that the device has, and how long that took."""

    tokenized: TokenizedTexts
    scores: torch.Tensor
    parts: list[Tokens]
    tokenize_nano_secs: int
    wait_nano_secs: int
    forward_nano_secs: int

    def scores_in_order(self) -> np.ndarray:
        """The scores in the order of the texts; waits for the device."""
        scores = self.scores.cpu().numpy()
        in_order = np.empty_like(scores)
        in_order[self.tokenized.order] = scores
        return in_order


def _winners(scores: np.ndarray) -> list[int | None]:
    """The label with the highest score of each text; None where a score is not finite."""
    finite = np.isfinite(scores).all(axis=1)
    best = scores.argmax(axis=1)
    if finite.all():
        return best.tolist()
    return [int(label) if good else None for label, good in zip(best, finite, strict=True)]
