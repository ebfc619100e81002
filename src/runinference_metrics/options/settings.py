"""The parameters of one run, parsed and checked against each other."""

from dataclasses import dataclass, fields
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.options.accelerators import accelerator
from runinference_metrics.options.values import AUTO


@dataclass(frozen=True)
class Settings:
    """The parameters of one run, parsed and checked against each other.

    `max_batch_tokens` and `max_length` are None for "auto".
    """

    input: tuple[str, ...]
    output: str
    device: str
    model: str
    label_names: str
    min_batch_size: int
    max_batch_size: int
    max_batch_tokens: int | None
    max_length: int | None
    precision: str
    accelerator: str
    gpu_placement: str
    text_field: str
    text_pair_field: str
    id_field: str
    keep_fields: tuple[str, ...]
    label_field: str
    input_format: str
    delimiter: str
    header: str | tuple[str, ...]
    encoding: str
    compression: str
    max_failure_rate: float
    max_failed_files: int
    inference_timeout_secs: int
    start_timeout_secs: int
    prices: str
    thresholds: str
    history: str
    output_format: str
    output_fields: str
    output_shards: str
    overwrite: bool

    def __post_init__(self) -> None:
        if self.min_batch_size > self.max_batch_size:
            raise UserError(
                "min_batch_size",
                f"a whole number up to --max_batch_size ({self.max_batch_size})",
                str(self.min_batch_size),
            )
        if self.text_pair_field == self.text_field:
            raise UserError(
                "text_pair_field",
                "another field than --text_field, or nothing",
                repr(self.text_pair_field),
            )
        if self.label_field in (self.text_field, self.text_pair_field) and self.label_field:
            raise UserError(
                "label_field",
                "another field than those with the texts, or nothing",
                repr(self.label_field),
            )
        accelerator(self.accelerator)
        if self.precision == "int8" and self.device == "GPU":
            raise UserError("precision", "int8 only with --device=CPU", "int8 with --device=GPU")
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
