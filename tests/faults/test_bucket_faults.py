"""Input and output in a bucket whose network does what networks do."""

import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from apache_beam.internal.gcp import auth
from runs import Outputs, handler, run
from spoiling import How, Spoiling, spoiling

from conftest import DEMO_MODEL
from fakes_for_tests import FaultPlan
from runinference_metrics.__main__ import main
from runinference_metrics.classifier.classifier import ClassifierSpec
from runinference_metrics.inference.handler import ClassifierHandler

pytestmark = pytest.mark.starts

ROWS = 3_000


def _of_template_tests(name: str) -> ModuleType:
    # They lie in a folder that is on the path only while its own tests are run.
    if name not in sys.modules:
        sys.path.append(str(Path(__file__).parent.parent / "template"))
    return importlib.import_module(name)


bucket = _of_template_tests("test_bucket").bucket
put = _of_template_tests("test_launch").put
objects = _of_template_tests("test_bucket").objects


@pytest.fixture(scope="module")
def network(bucket: dict[str, str]) -> Iterator[Spoiling]:
    content = "".join(f"text {number}\n" for number in range(ROWS))
    put(bucket, "faults/in/a.txt", content.encode())
    put(bucket, "faults/in/b.txt", b"one more\n\xff\n")
    with pytest.MonkeyPatch.context() as patch, spoiling(bucket["STORAGE_EMULATOR_HOST"]) as state:
        patch.setenv("STORAGE_EMULATOR_HOST", state.url)
        patch.setenv("GOOGLE_CLOUD_PROJECT", "test")
        patch.setattr(auth._Credentials, "_credentials_init", True)
        patch.setattr(auth._Credentials, "_credentials", None)
        yield state
        # A writer whose run failed uploads what it holds when it is collected; without a bucket it
        # would try for a minute and a half, in some other test.
        gc.collect()


def run_in_bucket(name: str) -> Outputs:
    found = run("gs://results/faults/in/*", f"gs://results/{name}", handler(FaultPlan(), name))
    found.check()
    return found


@pytest.fixture(scope="module")
def clean(network: Spoiling) -> Outputs:
    return run_in_bucket("clean")


@pytest.mark.parametrize(
    ("method", "part", "plan"),
    [
        ("GET", "alt=media", [429, 503, "reset"]),
        ("GET", "alt=media", ["cut", "refused"]),
        ("POST", "/upload/", [429, 503, "refused"]),
        ("PUT", "/upload/", [503, "refused"]),
    ],
    ids=["reading, refused", "reading, cut short", "beginning to write", "writing"],
)
def test_the_outputs_are_those_of_a_well_network(
    network: Spoiling, clean: Outputs, method: str, part: str, plan: list[How]
) -> None:
    network.method, network.part, network.plan = method, part, list(plan)
    network.spoilt, network.passed = [], 0
    found = run_in_bucket("-".join(map(str, [method, *plan])))
    assert network.spoilt == plan
    assert network.passed > 0
    assert found.predictions == clean.predictions
    assert len(found.predictions) == ROWS + 1
    assert found.letters == clean.letters


@pytest.mark.parametrize(
    ("method", "part", "message"),
    [("GET", "alt=media", "403"), ("POST", "/upload/", "403")],
    ids=["reading", "writing"],
)
def test_what_stays_refused_fails_the_run_and_leaves_no_result(
    network: Spoiling, bucket: dict[str, str], method: str, part: str, message: str
) -> None:
    network.method, network.part, network.plan = method, part, [403] * 100
    name = f"refused-{method}"
    try:
        with pytest.raises(Exception, match=message):
            run_in_bucket(name)
    finally:
        network.plan = []
    assert not [one for one in objects(bucket) if one.startswith(f"{name}/")]
    # When the bucket is well again, so is the next run.
    assert len(run_in_bucket(name).predictions) == ROWS + 1


def test_a_model_s_bucket_that_is_missing(
    network: Spoiling, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--input=samples/", f"--output={tmp_path}/out", "--model=gs://none/model"]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: --model takes a folder that can be listed")


def test_a_model_s_bucket_that_goes_missing_after_the_launch(
    network: Spoiling, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a good film\n")
    (tmp_path / "out").mkdir()
    gone: Any = ClassifierHandler(ClassifierSpec("gs://none/model"))
    with pytest.raises(Exception, match="--model takes a folder that can be listed"):
        run(f"{tmp_path}/in/*", str(tmp_path / "out"), gone)
    assert list((tmp_path / "out").glob("[pdm]*")) == []
    well = ClassifierHandler(ClassifierSpec(str(DEMO_MODEL)))
    assert len(run(f"{tmp_path}/in/*", str(tmp_path / "out"), well).predictions) == 1
