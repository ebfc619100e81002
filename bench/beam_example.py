"""The peer: Beam's `runinference_metrics` example, written anew with its choices.

One-by-one tokenising padded to 512 tokens, `KeyedModelHandler` around
`PytorchModelHandlerKeyedTensor`, default batching, default precision and threads. What differs
from the example as Beam ships it: the texts come from a file, the model and tokenizer from a
local folder, the predictions go to a file (the example drops them), and the FnApiRunner is named,
so that nothing is downloaded.

    python bench/beam_example.py TEXTS MODEL_FOLDER STATE_DICT OUTPUT
"""

import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import torch
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.ml.inference.pytorch_inference import PytorchModelHandlerKeyedTensor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification


class Unbatched(DistilBertForSequenceClassification):
    """Gives a list of dicts, as RunInference wants it, instead of a dict of lists."""

    def forward(self, **inputs: Any) -> Any:
        output = super().forward(**inputs)
        return [dict(zip(output, values, strict=False)) for values in zip(*output.values())]  # noqa: B905


class Tokenize(beam.DoFn):
    """Tokenises one text, padded to 512 tokens."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def setup(self) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(self._folder)

    def process(self, text: str) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
        tokens = self._tokenizer(
            text, return_tensors="pt", padding="max_length", max_length=512, truncation=True
        )
        yield text, {key: torch.squeeze(value) for key, value in tokens.items()}


class Decode(beam.DoFn):
    """The softmax of one prediction."""

    def process(self, element: Any) -> Iterator[str]:
        text, result = element
        scores = torch.softmax(result.inference["logits"], dim=-1).detach().numpy()
        yield f"{text}\t{scores.tolist()}"


def main(texts: str, folder: str, state_dict: str, output: str) -> None:
    """Runs the example."""
    handler = PytorchModelHandlerKeyedTensor(
        state_dict_path=state_dict,
        model_class=Unbatched,
        model_params={"config": DistilBertConfig.from_pretrained(folder)},
        device="CPU",
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(texts)
            | beam.ParDo(Tokenize(folder))
            | RunInference(KeyedModelHandler(handler))
            | beam.ParDo(Decode())
            | beam.io.WriteToText(output)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
