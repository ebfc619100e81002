"""Some texts of an input, classified here to know how fast that is."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from apache_beam.options.pipeline_options import PipelineOptions

from runinference_metrics.dataflow import workers
from runinference_metrics.options import beam_flags
from runinference_metrics.records.text import Text, strings
from runinference_metrics.running import here, input
from runinference_metrics.running.checked import CheckedRun
from runinference_metrics.writing import documents
from runinference_metrics.writing.formats import Output


def on_this_machine(options: PipelineOptions) -> PipelineOptions:
    """Beam's options for the sample, which is classified here whatever runner was named."""
    return options if workers.is_local(options) else beam_flags.parse([])


def classified(texts: Sequence[Text], checked: CheckedRun) -> dict[str, Any]:
    """The document of a run over some texts, of which nothing else is left."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sample.jsonl"
        file.write_bytes(b"".join(orjson.dumps(_row(text)) + b"\n" for text in texts))
        pairs = bool(checked.settings.text_pair_field)
        settings = dataclasses.replace(
            checked.settings, input=(str(file),), output=f"{folder}/out",
            text_field="text", text_pair_field="text_pair" if pairs else "",
            id_field="", keep_fields=(), label_field="", input_format="jsonl", header="auto",
            delimiter="auto", encoding="utf-8", compression="none", max_failure_rate=1.0,
            thresholds="", prices="", history="", output_format="jsonl", output_fields="",
            output_shards="auto",
        )  # fmt: skip
        sample = input.check_input(settings.input, settings.output)
        # As large as the whole: what a process of a large run tries first, this one tries too.
        listed = dataclasses.replace(checked.listed, patterns=sample.patterns, table=None)
        alone = dataclasses.replace(checked, settings=settings, listed=listed, output=Output())
        here.classify(alone, folder)
        return documents.read(settings.output)


def _row(text: Text) -> dict[str, str]:
    return dict(zip(("text", "text_pair"), strings(text), strict=False))
