"""pandas, in the environment of the BigQuery for tests: Beam would import it in every other."""

import json
import subprocess
from typing import Any

import pytest

from conftest import engine_path


def in_pandas(code: str, *arguments: object) -> Any:
    """Runs code that has `pd` and `arguments`, and prints JSON; the test is skipped without it.

    Args:
        code: what is run.
        arguments: texts for it.

    Returns:
        What it printed; None if nothing.
    """
    program = engine_path("BQEMULATOR")
    if program is None:
        pytest.skip("BQEMULATOR is not set; `make build/bigquery/ready` makes its environment")
    done = subprocess.run(
        [program.parent / "python", "-c",
         f"import json, sys\nimport pandas as pd\narguments = sys.argv[1:]\n{code}",
         *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None
