"""A model's folder, read, digested, and loaded in the precision that it can compute."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from runinference_metrics.classifier import precisions
from runinference_metrics.classifier.loading import load_config, load_network, load_tokenizer
from runinference_metrics.classifier.network import Network
from runinference_metrics.classifier.precisions import EXACT, Loaded
from runinference_metrics.classifier.tokenizer import Tokenizer
from runinference_metrics.models.folder import ModelFolder


@dataclass(frozen=True)
class FromFolder:
    """A model that computes, with its tokenizer.

    Args:
        folder: where it is from.
        config: its configuration, of transformers.
        tokenizer: its tokenizer, which cuts texts to `max_length`.
        max_length: in tokens.
        loaded: the model, and in which precision.
        digest: of all its files.
        device: torch's name of the device.
    """

    folder: ModelFolder
    config: Any
    tokenizer: Tokenizer
    max_length: int
    loaded: Loaded
    digest: str
    device: str

    @property
    def architecture(self) -> str:
        """Its name."""
        return self.folder.architecture or str(self.config.model_type)

    def exact_network(self) -> Network:
        """The model once more, in float32."""
        return load_network(
            self.folder, self.config, self.tokenizer, EXACT, self.device, lambda: self.digest
        ).network


def from_folder(
    folder: ModelFolder, device: str, torch_device: str, precision: str, max_length: int | None
) -> FromFolder:
    """Loads a model.

    Args:
        folder: its folder.
        device: "CPU" or "GPU".
        torch_device: torch's name of it.
        precision: what to compute in, or "auto".
        max_length: of texts, in tokens; None for the model's own.

    Raises:
        UserError: it is none that can be used.
    """
    with ThreadPoolExecutor(1) as beside:
        # Reading and digesting the weights takes as long as all else here.
        digesting = beside.submit(folder.file_digests)
        try:
            config = load_config(folder)
            # transformers knows what an architecture has where its config.json says nothing.
            folder = folder.with_config(config.to_dict())
            most_tokens = folder.max_length(max_length)
            vocabulary = getattr(config.get_text_config(), "vocab_size", None)
            tokenizer = Tokenizer(load_tokenizer(folder), most_tokens, vocabulary)
            loaded = precisions.load_in(
                precision,
                device,
                f"{folder.path!r} ({folder.architecture or config.model_type})",
                lambda one: load_network(
                    folder,
                    config,
                    tokenizer,
                    one,
                    torch_device,
                    lambda: folder.weights_digest(digesting.result()),
                ),
            )
        finally:
            # A file that is not the one recorded explains whatever else was found wrong.
            digest = folder.digest(digesting.result())
    return FromFolder(folder, config, tokenizer, most_tokens, loaded, digest, torch_device)
