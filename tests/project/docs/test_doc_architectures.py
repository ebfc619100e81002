"""docs/architectures.md: its lines are measured by the zoo; that none is missing is seen here."""

import re

import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from conftest import ROOT

TEXT = (ROOT / "docs" / "architectures.md").read_text()


def test_the_page_lists_what_transformers_has() -> None:
    listed = re.findall(r"^\| ([A-Z]\w*) \| `([\w-]+)` \|", TEXT, re.MULTILINE)
    assert [(model_type, f"{name}ForSequenceClassification") for name, model_type in listed] == [
        *MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.items()
    ]


def test_the_page_counts_them() -> None:
    lines = re.findall(r"^\| [A-Z]\w* \| `.*$", TEXT, re.MULTILINE)
    possible = [line for line in lines if "not possible: " not in line]
    text = " ".join(TEXT.split())
    assert f"transformers {transformers.__version__} has for sequence classification" in text
    assert f"{len(lines)} of them. The program classifies with {len(possible)};" in text
