"""The model and its tokenizer on a device. Knows nothing of Beam."""

import itertools
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import transformers

from runinference_metrics.batching import micro_batches
from runinference_metrics.errors import UserError
from runinference_metrics.isolation import tokenizing
from runinference_metrics.loading import load_model, load_tokenizer
from runinference_metrics.memory import TokenBudget, run_micro_batches
from runinference_metrics.model_folder import ModelFolder
from runinference_metrics.records import BatchStats, Classification, Effective

_LOG = logging.getLogger(__name__)

# Measured with DistilBERT's shape: on a CPU about 1,000 tokens a forward pass stay in the cache;
# a GPU needs some 32 times that to be busy.
AUTO_BATCH_TOKENS = {"CPU": 1024, "GPU": 32_768}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# float32 carries seven to eight decimals of a probability; the rest is noise in the output.
_SCORE_DECIMALS = 8
_NO_WORK = BatchStats(0, 0, 0, 0, 0, 0, 0, 0, {})


@dataclass(frozen=True)
class ClassifierSpec:
    """What to load, and how; the names are those of the parameters.

    `max_batch_tokens` and `max_length` may be None: decided by the device and the model.
    `threads` is None for torch's own choice.
    """

    model: str
    device: str = "CPU"
    precision: str = "auto"
    max_batch_tokens: int | None = None
    max_length: int | None = None
    threads: int | None = None

    def load(self) -> "Classifier":
        """Loads the model; takes seconds. Raises UserError when it cannot be used."""
        return Classifier(self)


def gpu_problem() -> str | None:
    """Why there is no usable GPU here, or None when there is one."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"no GPU support: torch {torch.__version__} is built without CUDA"
    if torch.cuda.device_count() == 0:
        return f"no GPU: torch {torch.__version__} (CUDA {torch.version.cuda}) finds none"
    return f"a GPU that CUDA {torch.version.cuda} cannot use; is its driver too old?"


def check_device(device: str) -> None:
    """Raises UserError when `device` is GPU and none is usable; never falls back."""
    problem = gpu_problem() if device == "GPU" else None
    if problem:
        raise UserError("device", "GPU only where one is usable (else CPU)", f"GPU, but {problem}")


def auto_precision(device: str) -> str:
    """The fastest precision that keeps the answers, by what the hardware computes natively."""
    if device == "GPU":
        # Ampere (8.0) brought bfloat16; a T4 (7.5) only emulates it.
        return "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float16"
    capabilities = torch.cpu.get_capabilities()
    native = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")
    return "bfloat16" if any(capabilities.get(name) for name in native) else "float32"


class Classifier:
    """A sequence classifier that is ready to work. One forward pass runs at a time.

    Args:
        spec: what to load.

    Raises:
        UserError: the device is not there, or the model is none that can be used.
    """

    def __init__(self, spec: ClassifierSpec) -> None:
        folder = ModelFolder.read(spec.model)
        folder.check_digests()
        check_device(spec.device)
        if spec.threads:
            torch.set_num_threads(spec.threads)
        self._gpu = spec.device == "GPU"
        self._torch_device = torch.device("cuda" if self._gpu else "cpu")
        precision = auto_precision(spec.device) if spec.precision == "auto" else spec.precision
        self._multi_label = folder.multi_label
        self._model = load_model(folder, _DTYPES[precision]).to(self._torch_device).eval()
        self.label_names = self._label_names(folder)
        max_length = folder.check_max_length(spec.max_length)
        self._load_tokenizer(folder, max_length)
        self._budget = TokenBudget(spec.max_batch_tokens or AUTO_BATCH_TOKENS[spec.device])
        self._lock = threading.Lock()
        self.effective = Effective(
            device_name=torch.cuda.get_device_name() if self._gpu else cpu_name(),
            precision=precision,
            max_batch_tokens=self._budget.max_tokens,
            max_length=max_length,
            threads=torch.get_num_threads(),
            model_architecture=folder.architecture,
            model_digest=folder.digest(),
            torch_version=torch.__version__,
            transformers_version=transformers.__version__,
        )
        _LOG.info("Classifier ready: %s", asdict(self.effective))

    def _label_names(self, folder: ModelFolder) -> tuple[str, ...]:
        names = tuple(self._model.config.id2label[i] for i in range(self._model.config.num_labels))
        if len(set(names)) < len(names):
            raise UserError("model", "distinct labels", f"{folder.path!r} with {names}")
        return names

    def _load_tokenizer(self, folder: ModelFolder, max_length: int) -> None:
        vocabulary = self._model.config.get_text_config().vocab_size
        tokenizer = load_tokenizer(folder, vocabulary)
        self._pad_id = tokenizer.pad_token_id
        self._pad_left = tokenizer.padding_side == "left"
        self._wants_type_ids = "token_type_ids" in tokenizer.model_input_names
        self._encoder = tokenizer.backend_tokenizer
        # Set once: changing it between calls is not safe with several threads.
        self._encoder.enable_truncation(max_length, direction=tokenizer.truncation_side)
        self._encoder.no_padding()
        self._max_length = max_length

    @property
    def model_bytes(self) -> int:
        """What the weights occupy: device memory on a GPU, host memory on a CPU."""
        tensors = itertools.chain(self._model.parameters(), self._model.buffers())
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        return sum(storages.values())

    @property
    def gpus(self) -> int:
        """The GPUs of this machine, which are paid for whether used or not; 0 on a CPU."""
        return torch.cuda.device_count() if self._gpu else 0

    def classify(self, texts: Sequence[str]) -> Classification:
        """Classifies texts, in their order.

        Tokenises all at once, orders them by length, and runs micro-batches under the token
        budget, each padded to its own longest. The device's work is finished when it returns.
        """
        if not texts:
            return Classification(self.label_names, [], [], _NO_WORK)
        started = time.perf_counter_ns()
        with tokenizing(texts):
            encodings = self._encoder.encode_batch(list(texts))
        ids = [encoding.ids for encoding in encodings]
        lengths = np.array([len(one) for one in ids])
        truncated = sum(
            1 for index in np.flatnonzero(lengths >= self._max_length)
            if encodings[index].overflowing
        )  # fmt: skip
        type_ids = [encoding.type_ids for encoding in encodings] if self._wants_type_ids else None
        tokenized = time.perf_counter_ns()
        cut = micro_batches(lengths.tolist(), self._budget.max_tokens)
        with self._lock:
            locked = time.perf_counter_ns()
            scores, cut = self._forward(ids, type_ids, lengths, cut)
            finished = time.perf_counter_ns()
        computed = sum(len(part) * int(lengths[part[0]]) for part in cut)
        tokens = int(lengths.sum())
        stats = BatchStats(
            texts=len(texts),
            tokens=tokens,
            padding=computed - tokens,
            truncated=truncated,
            micro_batches=len(cut),
            tokenize_micro_secs=(tokenized - started) // 1000,
            wait_micro_secs=(locked - tokenized) // 1000,
            forward_micro_secs=(finished - locked) // 1000,
            lengths=dict(Counter(lengths.tolist())),
            out_of_memory_retries=self._budget.take_retries(),
            lowered_batch_tokens=self._budget.lowered,
        )
        return Classification(
            self.label_names,
            [[round(score, _SCORE_DECIMALS) for score in row] for row in scores],
            [_winner(row) for row in scores],
            stats,
        )

    def _forward(
        self,
        ids: list[list[int]],
        type_ids: list[list[int]] | None,
        lengths: np.ndarray,
        cut: list[list[int]],
    ) -> tuple[list[list[float]], list[list[int]]]:
        with torch.inference_mode():

            def logits_of(part: list[int]) -> torch.Tensor:
                mask = self._mask(lengths[part])
                inputs = {
                    "input_ids": self._padded(ids, part, mask, self._pad_id),
                    "attention_mask": torch.from_numpy(mask.astype(np.int64)),
                }
                if type_ids is not None:
                    inputs["token_type_ids"] = self._padded(type_ids, part, mask, 0)
                return self._model(**self._on_device(inputs)).logits.float()

            done = run_micro_batches(
                cut, lengths.tolist(), self._budget, logits_of, torch.cuda.empty_cache
            )
            cut = [part for part, _ in done]
            logits = torch.cat([output for _, output in done])
            scores = logits.sigmoid() if self._multi_label else logits.softmax(-1)
            # Back to the order of the input; the copy to the host waits for the device.
            order = torch.tensor([index for part in cut for index in part])
            result = torch.empty(scores.shape, dtype=torch.float32)
            result[order] = scores.cpu()
        return result.tolist(), cut

    def _mask(self, lengths: np.ndarray) -> np.ndarray:
        longest = int(lengths.max())
        mask = np.arange(longest)[None, :] < lengths[:, None]
        return mask[:, ::-1] if self._pad_left else mask

    @staticmethod
    def _padded(
        values: list[list[int]], part: list[int], mask: np.ndarray, fill: int
    ) -> torch.Tensor:
        padded = np.full(mask.shape, fill, dtype=np.int64)
        flat = itertools.chain.from_iterable(values[index] for index in part)
        padded[mask] = np.fromiter(flat, dtype=np.int64, count=int(mask.sum()))
        return torch.from_numpy(padded)

    def _on_device(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not self._gpu:
            return inputs
        return {
            name: tensor.pin_memory().to(self._torch_device, non_blocking=True)
            for name, tensor in inputs.items()
        }


def _winner(row: list[float]) -> int | None:
    if not all(math.isfinite(score) for score in row):
        return None
    return max(range(len(row)), key=row.__getitem__)


def cpu_name() -> str:
    """The processor's name, as far as torch knows it."""
    return str(torch.cpu.get_capabilities().get("cpu_name") or "CPU")
