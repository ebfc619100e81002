"""The peer: Beam's documented way to classify texts, `HuggingFacePipelineModelHandler`.

As its documentation has it: the task, the model, and nothing more, so that Beam chooses the batches
and transformers' pipeline goes through each text by text. The model comes from a local folder, and
the FnApiRunner is named, so that nothing is downloaded. Longer texts than the model takes are cut.

    python bench/beam_huggingface.py TEXTS MODEL_FOLDER OUTPUT
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner


def handler_of(folder: str) -> ModelHandler[str, PredictionResult, Any]:
    """Beam's handler; its module wants TensorFlow, and of transformers what version 5 has no more.

    For texts it uses neither, so that names are enough while it is imported.
    """
    tensorflow: Any = module_from_spec(ModuleSpec("tensorflow", None))
    tensorflow.Tensor = object
    sys.modules["tensorflow"] = tensorflow
    # Once its pipelines are imported, transformers is another module object than before.
    import_module("transformers.pipelines")
    vars(sys.modules["transformers"]).setdefault("TFAutoModel", object)
    from apache_beam.ml.inference.huggingface_inference import (
        HuggingFacePipelineModelHandler,
        PipelineTask,
    )

    del sys.modules["tensorflow"]
    return HuggingFacePipelineModelHandler(
        task=PipelineTask.TextClassification, model=folder, device="CPU"
    )


def decoded(result: Any) -> str:
    """A line of the output."""
    return f"{result.example}\t{result.inference['label']}\t{result.inference['score']}"


def main(texts: str, folder: str, output: str) -> None:
    """Runs the pipeline."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(texts)
            | RunInference(handler_of(folder), inference_args={"truncation": True})
            | beam.Map(decoded)
            | beam.io.WriteToText(output)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
