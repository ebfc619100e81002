"""The Dataflow API as a local server: its HTTP protocol, a job, its metrics and its messages."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from runinference_metrics.dataflow import job
from runinference_metrics.dataflow.messages import Messages
from runinference_metrics.metrics.prices import Prices
from servers_for_tests import QuietHandler, serving

MARKUP = "<script>alert(1)</script>"
JOB = {
    "id": "2026-11-01_00_00_00-1", "projectId": "p", "name": "reviews", "location": "r",
    "currentState": "JOB_STATE_DONE", "type": "JOB_TYPE_BATCH",
    "createTime": "2026-11-01T10:00:00.123456Z", "startTime": "2026-11-01T10:00:00.5Z",
    "currentStateTime": "2026-11-01T10:10:00.5Z",
    "jobMetadata": {"sdkVersion": {"version": "2.77.0"}},
    "environment": {"sdkPipelineOptions": {"options": {"device": "GPU", "region": "r"}}},
}  # fmt: skip


def user(name: str, value: Any, namespace: str = "RunInference", step: str = "s1",
         tentative: bool = False) -> dict[str, Any]:  # fmt: skip
    context = {"namespace": namespace, "step": step}
    if tentative:
        context["tentative"] = "true"
    kind = "distribution" if isinstance(value, dict) else "scalar"
    return {"name": {"origin": "user", "name": name, "context": context}, kind: value,
            "updateTime": "2026-11-01T10:10:00Z"}  # fmt: skip


def both(name: str, value: Any, **where: Any) -> list[dict[str, Any]]:
    """A metric as the API gives it: a tentative and a committed update."""
    return [user(name, value, **where), user(name, value, tentative=True, **where)]


def system(name: str, value: float) -> list[dict[str, Any]]:
    named = {"origin": "dataflow/v1b3", "name": name}
    return [
        {"name": {**named, "context": {"tentative": "true"}}, "scalar": value},
        {"name": {**named, "context": {}}, "scalar": value},
    ]


def spread(count: int, total: int, low: int, high: int) -> dict[str, Any]:
    return {"count": count, "sum": total, "min": low, "max": high, "mean": total / count}


OWN = {"namespace": "runinference_metrics"}
METRICS = [
    *both("num_inferences", 600), *both("num_inferences", 400, step="s2"),
    *both("inference_request_batch_size", spread(4, 600, 100, 200)),
    *both("inference_request_batch_size", spread(2, 400, 150, 250), step="s2"),
    *both("inference_batch_latency_micro_secs", spread(6, 3_000_000, 100_000, 900_000)),
    *both("model_byte_size", spread(2, 500, 250, 250)),
    *both("load_model_latency_milli_secs", spread(2, 4000, 1500, 2500)),
    *both("records_read", 1010, **OWN), *both("records_predicted", 1000, **OWN),
    *both("records_dead_lettered", 8, **OWN), *both("records_blank", 2, **OWN),
    *both("dead_letters.malformed_json", 7, **OWN), *both("dead_letters." + MARKUP, 1, **OWN),
    *both("tokens", 20_000, **OWN), *both("padding_tokens", 5000, **OWN),
    *both("forward_micro_secs", spread(6, 2_400_000, 80_000, 700_000), **OWN),
    *system("TotalVcpuTime", 7200.0), *system("TotalMemoryUsage", 3600.0 * 1024 * 30),
    *system("TotalPdUsage", 3600.0 * 50), *system("TotalGpuTime", 1800.0),
    *system("BillableShuffleDataProcessed", 0.75), *system("TotalShuffleDataProcessed", 3.0),
]  # fmt: skip


# JobMessageImportance by its numbers, from debug to error: BASIC came later.
_IMPORTANCES = (0, 1, 2, 5, 3, 4)
_NAMES = ("UNKNOWN", "DEBUG", "DETAILED", "BASIC", "WARNING", "ERROR")


def _rank(message: dict[str, Any]) -> int:
    return _NAMES.index(message["messageImportance"].rpartition("_")[2])


def message(importance: str, text: str, at: int = 0) -> dict[str, Any]:
    """A JobMessage, so many seconds after ten o'clock."""
    return {"id": f"JOB_MESSAGE_{at}", "time": _clock(at), "messageText": text,
            "messageImportance": f"JOB_MESSAGE_{importance}"}  # fmt: skip


def event(kind: str, at: int, current: int = 0, target: int = 0, why: str = "",
          pool: str = "Regular") -> dict[str, Any]:  # fmt: skip
    """An AutoscalingEvent; numbers are strings, and a zero is not sent."""
    numbers = {"currentNumWorkers": current, "targetNumWorkers": target}
    return {
        "eventType": kind, "time": _clock(at), "workerPool": pool,
        "description": {"messageText": why, "messageKey": "KEY"},
        **{name: str(number) for name, number in numbers.items() if number},
    }  # fmt: skip


def _clock(at: int) -> str:
    return f"2026-11-01T{10 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}.250Z"


class Api:
    """What the fake answers, and what it was asked."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = dict(JOB)
        self.metrics: list[dict[str, Any]] = list(METRICS)
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.page_size = 1000
        self.messages_status = 200
        self.fails_with: list[int] = []
        self.always = 0
        self.asked: list[str] = []
        self.endpoint = ""

    def page(self, asked: dict[str, str]) -> dict[str, Any]:
        """A page of messages, the oldest first, each with its share of the events.

        Args:
            asked: the parameters of the question; enums come as numbers.
        """
        importance = int(asked.get("minimumImportance", 0))
        least = _IMPORTANCES.index(importance) if importance else 0
        chosen = [one for one in self.messages if _rank(one) >= least]
        size = min(self.page_size, int(asked.get("pageSize", 1000)))
        first = int(asked.get("pageToken") or 0)
        last = first + size
        more = last < max(len(chosen), len(self.events))
        return {
            "jobMessages": chosen[first:last],
            "autoscalingEvents": self.events[first:last],
            **({"nextPageToken": str(last)} if more else {}),
        }

    def read(self, prices: Any = None, job_id: str = str(JOB["id"])) -> dict[str, Any]:
        return job.read_job(job_id, "p", "r", prices, self.endpoint)


def job_document(workers: Sequence[int] = (), said: Sequence[str] = ()) -> dict[str, Any]:
    """The document of a failed job that had so many workers, one after the other, and said that."""
    events = [event("CURRENT_NUM_WORKERS_CHANGED", 30 + at, number, number + at % 3, f"{number}?")
              for at, number in enumerate(workers)]  # fmt: skip
    spoken = [message("ERROR" if at % 2 else "WARNING", text, at) for at, text in enumerate(said)]
    updates = [*METRICS, user("labelled_texts", 80, **OWN), user("right_texts", 60, **OWN)]
    prices = Prices("USD", "r", "2026-01-31", 0.5, 0.01, 2.0, 0.1, 0.1, shuffle_gb=1.0)
    failed = {**JOB, "currentState": "JOB_STATE_FAILED"}
    return job.document_of(failed, updates, Messages(tuple(spoken), tuple(events)), prices)


@contextlib.contextmanager
def dataflow_api() -> Iterator[Api]:
    """The API until the block ends."""
    state = Api()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            path, _, query = self.path.partition("?")
            base = f"/v1b3/projects/p/locations/r/jobs/{state.job['id']}"
            status = state.always or (state.fails_with.pop(0) if state.fails_with else 200)
            body: Any
            if status == 200 and path == base:
                body = state.job
            elif status == 200 and path == f"{base}/metrics":
                body = {"metricTime": "2026-11-01T10:10:00Z", "metrics": state.metrics}
            elif status == 200 and path == f"{base}/messages":
                status = state.messages_status
                body = state.page(dict(parse_qsl(query)))
            else:
                status = 404 if status == 200 else status
            if status != 200:
                body = {"error": {"code": status, "message": f"fake\nsays {status}"}}
            self.answer_json(status, body)

    with serving(Handler) as port:
        state.endpoint = f"http://localhost:{port}"
        yield state
