"""scikit-learn's figures of labels, to compare with."""

import json
import subprocess
import sys
from typing import Any

import pytest

from conftest import ROOT

REFERENCE = ROOT / "build" / "reference"

PROGRAM = """
import json, sys
from sklearn import metrics
answers = []
for case in json.load(sys.stdin):
    right, given = case["right"], case["given"]
    names = sorted({*right, *given})
    of = lambda **more: metrics.precision_recall_fscore_support(
        right, given, labels=names, zero_division=0, **more)
    each = of()
    answers.append({
        "accuracy": metrics.accuracy_score(right, given),
        "labels": {name: [float(part[at]) for part in each[:3]] for at, name in enumerate(names)},
        "macro": list(map(float, of(average="macro")[:3])),
        "weighted": list(map(float, of(average="weighted")[:3])),
        "confusion": metrics.confusion_matrix(right, given, labels=names).tolist(),
        "names": names,
    })
json.dump(answers, sys.stdout)
"""


def by_scikit_learn(cases: list[dict[str, list[str]]]) -> list[dict[str, Any]]:
    """Its figures, from a process of its own: nothing else here may find it installed."""
    if not (REFERENCE / "sklearn").is_dir():
        pytest.skip("scikit-learn is not in build/reference: `make test` puts it there")
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REFERENCE)!r})\n{PROGRAM}"],
        input=json.dumps(cases), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def assert_as_by_scikit_learn(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["accuracy"] == pytest.approx(expected["accuracy"])
    parts = ("precision", "recall", "f1")
    labels = {one["label"]: [one[part] for part in parts] for one in found["labels"]}
    assert labels.keys() == expected["labels"].keys()
    for name, values in labels.items():
        assert values == pytest.approx(expected["labels"][name])
    for mean in ("macro", "weighted"):
        assert [found[mean][part] for part in parts] == pytest.approx(expected[mean])
    names = expected["names"]
    matrix = [[0] * len(names) for _ in names]
    for cell in found["confusion"]:
        matrix[names.index(cell["right_label"])][names.index(cell["label"])] = cell["texts"]
    assert matrix == expected["confusion"]
