"""A run's document as what a history keeps of it."""

import math
from collections.abc import Mapping
from typing import Any

from runinference_metrics.metrics import verdicts
from runinference_metrics.metrics.figures import figures
from runinference_metrics.records.history import PastRun
from runinference_metrics.redaction import without_secrets


def past_run(document: Mapping[str, Any]) -> PastRun:
    """What a history keeps of a run; its secrets are taken out, as in metrics.json.

    Args:
        document: the content of the metrics.json of a run that came to its end.
    """
    document = without_secrets(dict(document))
    run, cost = document["run"], document["cost"]
    # Older documents say nothing of losses, nor of labels.
    failed = run.get("failure") or verdicts.failure(document["thresholds"])
    return PastRun(
        start=run["start"],
        end=run["end"],
        wall_secs=run["wall_secs"],
        job=run["job"],
        labels=run.get("labels", {}),
        runner=run["runner"],
        version=run["version"],
        output=str(run["parameters"].get("output", "")),
        fingerprint=run["input"]["fingerprint"],
        model=str(run["parameters"].get("model", "")),
        model_digests=_different(run, "model_digest"),
        device_names=_different(run, "device_name"),
        precisions=_different(run, "precision"),
        thresholds=tuple(
            {name: one[name] for name in ("threshold", "passed", "warns")}
            for one in document["thresholds"]
        ),
        ok=not failed,
        failure=str(failed) if failed else None,
        currency=cost["prices"]["currency"] if cost else None,
        figures={
            name: value
            for name, value in figures(document).items()
            # JSON has no other numbers.
            if value is not None and math.isfinite(value)
        },
    )


def _different(run: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(sorted({one[name] for one in run["effective"]}))
