"""Every parameter of the template, declared once.

The command line, its help and its checks come from `PARAMETERS`; so will `metadata.json`.
Values arrive as strings, as the Flex Template launcher sends them.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from runinference_metrics import values
from runinference_metrics.errors import FlagError, UserError
from runinference_metrics.values import AUTO

DEFAULT_MODEL = "models/demo"
# Above this a batch of ordinary sentences no longer fits a worker's memory comfortably, and one
# failed batch would repeat minutes of work.
LARGEST_BATCH_SIZE = 65_536
# The largest token budget that is useful on the GPUs of today (an H200 saturates far below it).
LARGEST_BATCH_TOKENS = 4_194_304


@dataclass(frozen=True)
class Parameter:
    """One template parameter.

    Args:
        name: the flag without dashes; also the template's parameter name.
        help: what it does and when to change it, in sentences.
        default: the value as a string, or None when the parameter is required.
        takes: what a value must be, as the end of "--name takes …".
        parse: turns the string into the value; raises ValueError when it is wrong.
        choices: the allowed values, when there are few.
    """

    name: str
    help: str
    default: str | None
    takes: str
    parse: Callable[[str], Any]
    choices: tuple[str, ...] = ()

    def value(self, text: str) -> Any:
        """Parses `text`; raises UserError naming the flag, what it takes and what came."""
        try:
            return self.parse(text)
        except ValueError:
            raise UserError(self.name, self.takes, repr(text)) from None


DEVICES = ("CPU", "GPU")
PRECISIONS = (AUTO, "float32", "bfloat16", "float16")

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "input",
        "The files to classify: one or several comma-separated patterns, local or gs://, such as "
        "gs://bucket/reviews/*.jsonl. A pattern that ends in / means every file in that folder. "
        "Formats by name: .txt (a text a line), .jsonl, .csv (with a header line), each also "
        "as .gz, .bz2 or .zst.",
        None,
        "one or several comma-separated file patterns",
        values.patterns,
    ),
    Parameter(
        "output",
        "The folder, local or gs://, that receives predictions, dead letters and metrics.json.",
        None,
        "a folder",
        values.text,
    ),
    Parameter(
        "device",
        "Where the model runs. GPU fails when no usable GPU is there; it never falls back.",
        "CPU",
        "CPU or GPU",
        values.one_of(*DEVICES),
        DEVICES,
    ),
    Parameter(
        "model",
        "The model's folder in transformers' own format: config.json, model.safetensors, "
        "tokenizer.json. Any sequence-classification model.",
        DEFAULT_MODEL,
        "a folder with config.json, model.safetensors and tokenizer.json",
        values.text,
    ),
    Parameter(
        "min_batch_size",
        "Batches with fewer texts than this are joined with the next ones before inference. "
        "Raise it when the input is many small files.",
        "64",
        f"a whole number from 1 to {LARGEST_BATCH_SIZE}",
        values.whole_number(LARGEST_BATCH_SIZE),
    ),
    Parameter(
        "max_batch_size",
        "The most texts in one RunInference batch. A bigger batch sorts better by length and so "
        "pads less, but takes more memory and repeats more work when a worker dies.",
        "512",
        f"a whole number from 1 to {LARGEST_BATCH_SIZE}",
        values.whole_number(LARGEST_BATCH_SIZE),
    ),
    Parameter(
        "max_batch_tokens",
        "The token budget of one forward pass, padding included; auto chooses by device. Lower "
        "it when the device runs out of memory.",
        AUTO,
        f"auto or a whole number from 1 to {LARGEST_BATCH_TOKENS}",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
    ),
    Parameter(
        "max_length",
        "Longer texts are cut to this many tokens, and counted; auto is the model's own limit. "
        "Lower it to trade the ends of long texts for speed.",
        AUTO,
        "auto or a whole number from 3 up to the model's own limit",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
    ),
    Parameter(
        "precision",
        "The arithmetic of the forward pass. auto is bfloat16 where the device computes it fast, "
        "float16 on GPUs without bfloat16, float32 elsewhere. float32 for exact comparisons.",
        AUTO,
        "auto, float32, bfloat16 or float16",
        values.one_of(*PRECISIONS),
        PRECISIONS,
    ),
    Parameter(
        "text_field",
        "The field (.jsonl) or column (.csv) that holds the text.",
        "text",
        "the name of a field",
        values.text,
    ),
    Parameter(
        "id_field",
        "The field or column that identifies a row; its value goes into the prediction as id. "
        "Empty: none.",
        "",
        "the name of a field, or nothing",
        values.optional_text,
    ),
    Parameter(
        "keep_fields",
        "Comma-separated fields or columns to carry into the predictions, under fields; * means "
        "all but the text. Empty: none.",
        "",
        "comma-separated names of fields, or *",
        values.names,
    ),
    Parameter(
        "prices",
        "A YAML or JSON file, local or gs://, with the prices of resource hours; with it "
        "metrics.json and the report say what the run cost. Empty: resource hours only.",
        "",
        "a file, or nothing",
        values.optional_text,
    ),
    Parameter(
        "overwrite",
        "true deletes the results of an earlier run from the output folder first; false refuses "
        "to start when there are any.",
        "false",
        "true or false",
        values.boolean,
        ("true", "false"),
    ),
)


@dataclass(frozen=True)
class Settings:
    """The parameters of one run, parsed and checked against each other.

    `max_batch_tokens` and `max_length` are None for "auto".
    """

    input: tuple[str, ...]
    output: str
    device: str
    model: str
    min_batch_size: int
    max_batch_size: int
    max_batch_tokens: int | None
    max_length: int | None
    precision: str
    text_field: str
    id_field: str
    keep_fields: tuple[str, ...]
    prices: str
    overwrite: bool

    def __post_init__(self) -> None:
        if self.min_batch_size > self.max_batch_size:
            raise UserError(
                "min_batch_size",
                f"a whole number up to --max_batch_size ({self.max_batch_size})",
                str(self.min_batch_size),
            )
        # Two tokens frame every text ([CLS], [SEP]); one must be left for the text itself.
        if self.max_length is not None and self.max_length < 3:
            raise UserError("max_length", "auto or a whole number from 3", str(self.max_length))

    def as_parameters(self) -> dict[str, Any]:
        """The values by parameter name, in JSON types ("auto" for an unset number)."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: AUTO if value is None else list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
        }


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are FlagErrors."""

    def error(self, message: str) -> NoReturn:
        raise FlagError(message)


def parser() -> argparse.ArgumentParser:
    """The command-line parser of `run`; its help is the parameters' own."""
    result = Parser(
        prog="runinference_metrics run",
        description="Classify text files with Beam's RunInference and report what it cost. "
        "Every flag of Beam's own is accepted too (--runner, --direct_num_workers, --project …).",
        allow_abbrev=False,
    )
    for parameter in PARAMETERS:
        default = "required" if parameter.default is None else f"default: {parameter.default!r}"
        result.add_argument(
            f"--{parameter.name}",
            # A bare `--overwrite` is what a person types; the launcher sends `--overwrite=true`.
            nargs="?" if parameter.choices == ("true", "false") else None,
            const="true" if parameter.choices == ("true", "false") else None,
            metavar="|".join(parameter.choices) or parameter.name.upper(),
            help=f"{parameter.help} ({default})".replace("%", "%%"),
        )
    return result


def parse(argv: Sequence[str]) -> tuple[Settings, list[str]]:
    """Splits `argv` into the parameters and the flags that are left for Beam.

    Returns:
        The checked parameters, and the other flags in their order.

    Raises:
        UserError: a parameter is missing or its value is wrong.
    """
    known, rest = parser().parse_known_args(list(argv))
    parsed: dict[str, Any] = {}
    for parameter in PARAMETERS:
        given = getattr(known, parameter.name)
        text = parameter.default if given is None else given
        if text is None:
            raise UserError(parameter.name, parameter.takes, "nothing: it is required")
        parsed[parameter.name] = parameter.value(text)
    return Settings(**parsed), rest
