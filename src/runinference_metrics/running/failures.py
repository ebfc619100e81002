"""What went wrong in a pipeline, in one line, from what a worker sent back."""

import builtins
import http
import logging
import re
from typing import NoReturn

from runinference_metrics.errors import RunFailed, ThresholdsFailed, UserError

_LOG = logging.getLogger(__name__)

# The steps of the pipeline by their first names, as an engineer would say it.
_DOING = {
    "Read": "reading the input",
    "Classify": "classifying",
    "Predictions": "writing predictions",
    "Dead letters": "writing dead letters",
    "Summary": "writing metrics.json and report.html",
}
# Errors of disks, buckets and networks. They say all there is to say: where in Beam's code they
# arose helps nobody.
_SYSTEM_ERRORS = "|".join([
    *(name for name, one in vars(builtins).items()
      if isinstance(one, type) and issubclass(one, OSError)),
    # How Beam's sink says that shards could not be renamed.
    "Exception(?=: Encountered exceptions in finalize_write)",
    "BeamIOError", r"google\.cloud\.storage\.exceptions\.[A-Za-z]+",
    r"google\.api_core\.exceptions\.[A-Za-z]+", r"requests\.exceptions\.[A-Za-z]+",
])  # fmt: skip
# How the client of Cloud Storage says what an upload was answered.
_HTTP_ANSWER = re.compile(r"\(([45]\d\d), 'Expected one of'")
# How the local runner says that a worker process is gone; and Prism, in one way or the other.
_DEAD_LOCAL_WORKER = "Channel closed prematurely"
_DEAD_WORKER = re.compile("SDK worker disconnected|send on closed channel")
# A cause that is longer helps nobody: Go's errors hold whole structures.
_LONGEST_CAUSE = 360
# How Beam begins what a job service says of a job.
_PIPELINE_FAILED = re.compile(r"^Pipeline \S+ failed in state \w+: ")
# Beam's own errors say "with exceptions None" before and after it.
_STEP = (
    r"(?: with exceptions None)?"
    r"(?: \[while running '(?P<step>[^']*)'\](?: with exceptions None)?)?\s*$"
)
_USER_ERROR = re.compile(r"errors\.UserError: --(\S+) takes (.*); got (.*?)" + _STEP, re.MULTILINE)
_THRESHOLDS_FAILED = re.compile(r"errors\.ThresholdsFailed: (.*?)" + _STEP, re.MULTILINE)
_RUN_FAILED = re.compile(r"errors\.RunFailed: (.*?)" + _STEP, re.MULTILINE)
_SYSTEM_ERROR = re.compile(
    rf"(?:^|[\s.])(?P<name>{_SYSTEM_ERRORS}): (?P<message>.*?){_STEP}", re.MULTILINE
)
_LATER_ERROR = re.compile(r"^[\w.]+(?:Error|Exception)\b", re.MULTILINE)


def raise_plainly(error: Exception, workers_said: str = "", job: str = "") -> NoReturn:
    """Turns what came back from a worker, a traceback in a string, into one line.

    Args:
        error: what ended the pipeline.
        workers_said: what worker processes wrote to their standard error.
        job: the job and where to look at it, in a sentence, when it ran elsewhere.

    Raises:
        UserError: the user's input was the cause.
        ThresholdsFailed: all is done and written, and not good enough.
        RunFailed: anything else. If the cause of a local run's end is not known, the traceback is
            logged too.
    """
    # An error that is no string of a worker's has its type outside of its text.
    text = f"{type(error).__module__}.{type(error).__name__}: {error}"
    if wrong := list(_USER_ERROR.finditer(text)):
        raise UserError(*wrong[-1].group(1, 2, 3)) from error
    if failed := list(_THRESHOLDS_FAILED.finditer(text)):
        raise ThresholdsFailed(failed[-1].group(1)) from error
    why = _known(text)
    if not why:
        if not job:
            _LOG.error("The pipeline failed. %s", workers_said, exc_info=error)
        why = f"The run failed: {last_cause(str(error)) or type(error).__name__}"
    raise RunFailed(f"{why.rstrip('.')}. {job}" if job else why) from error


def last_cause(text: str) -> str:
    """What ended it, of an error that may hold a traceback of Python's, or one of Go's.

    Args:
        text: what a runner or a worker passed on; empty gives empty.
    """
    said = _PIPELINE_FAILED.sub("", text).strip()
    if "Traceback" in said:
        # Python ends with the error, at the margin; Go begins with it.
        said = [line for line in said.splitlines() if line[:1].strip()][-1]
    cause = said.splitlines()[0].strip() if said else ""
    if len(cause) <= _LONGEST_CAUSE:
        return cause
    # Go wraps errors: first what was tried, last why it failed.
    half = _LONGEST_CAUSE // 2
    return f"{cause[:half]} … {cause[-half:]}"


def _known(text: str) -> str | None:
    """What happened, in a sentence, if it is one of the usual things."""
    if failed := list(_RUN_FAILED.finditer(text)):
        return failed[-1].group(1)
    if _DEAD_WORKER.search(text):
        return (
            "The run failed: a worker died in the middle of its work, and this runner does not "
            "replace it. Was it killed, or is there too little memory? Run again."
        )
    if _DEAD_LOCAL_WORKER in text:
        return (
            "The run failed: a worker process died in the middle of its work. Was it killed, or is "
            "there too little memory for so many (--direct_num_workers)? This runner does not "
            "replace it: run again."
        )
    system = list(_SYSTEM_ERROR.finditer(text))
    # Only if it is the end of the chain, not what a later error arose from.
    if not system or _LATER_ERROR.search(text, system[-1].end()):
        return None
    name, message, step = system[-1].group("name", "message", "step")
    if answer := _HTTP_ANSWER.match(message):
        message = f"the bucket answered {answer[1]} {http.HTTPStatus(int(answer[1])).phrase}"
    doing = _DOING.get((step or "").split("/")[0])
    when = f" while {doing}" if doing else ""
    return f"The run failed{when}: {message} ({name.split('.')[-1]})"
