"""The texts from which a model's ranges for 8 bits are found: a file's, or built-in ones."""

from dataclasses import dataclass

from runinference_metrics.classifier import sample_texts
from runinference_metrics.errors import UserError

BUILT_IN = "builtin"
TAKES = "builtin, or a text file in UTF-8 that can be read, one text a line"
# As much of a file as is looked at, and as many of its texts: more of them moved no range by much.
MOST_BYTES = 4 << 20
_MOST_TEXTS = 512


@dataclass(frozen=True)
class CalibrationTexts:
    """Texts like those that are to be classified.

    Args:
        texts: the texts.
        origin: the name of their file; empty for the built-in ones.
    """

    texts: tuple[str, ...]
    origin: str = ""

    @classmethod
    def built_in(cls) -> "CalibrationTexts":
        """Short texts in many languages."""
        return cls(tuple(sample_texts.ordinary(_MOST_TEXTS)))

    @classmethod
    def of_file(cls, start: bytes, name: str) -> "CalibrationTexts":
        """The first texts of a file.

        Args:
            start: its first `MOST_BYTES`, or all of it.
            name: its name.

        Raises:
            UserError: it is no text in UTF-8.
        """
        if len(start) == MOST_BYTES:
            # The last line goes on behind it.
            start = start[: start.rfind(b"\n") + 1]
        try:
            lines = start.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UserError("calibrate", TAKES, f"{name!r}, which is no UTF-8 ({error})") from None
        texts = [line.strip() for line in lines if line.strip()]
        return cls(tuple(texts[:_MOST_TEXTS]), name)
