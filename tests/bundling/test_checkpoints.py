"""A trainer's folder: which of its checkpoints is the model."""

import json
import shutil
from pathlib import Path

import pytest

from runinference_metrics.bundling.bundle import bundle
from runinference_metrics.bundling.checkpoints import choose
from runinference_metrics.errors import UserError


@pytest.fixture
def trained(distilbert: Path, tmp_path: Path) -> Path:
    """As a trainer leaves it, interrupted while it wrote the fourth checkpoint."""
    folder = tmp_path / "trained"
    for step in (500, 1000, 1500):
        shutil.copytree(distilbert, folder / f"checkpoint-{step}")
    (folder / "checkpoint-2000").mkdir()
    (folder / "runs").mkdir()
    return folder


def name_best(folder: Path, best: str | None) -> None:
    (folder / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": best}))


def test_without_a_best_it_is_the_last_whole_one(trained: Path) -> None:
    name_best(trained / "checkpoint-1500", None)
    chosen, said = choose(trained)
    assert chosen == trained / "checkpoint-1500"
    assert "has checkpoint-500, checkpoint-1000, checkpoint-1500; the last is taken" in said


@pytest.mark.parametrize("best", ["/gone/machine/trained/checkpoint-500", "out\\checkpoint-500"])
def test_the_best_is_the_trainers_own(trained: Path, best: str) -> None:
    name_best(trained / "checkpoint-1500", best)
    chosen, said = choose(trained)
    assert chosen == trained / "checkpoint-500"
    assert "checkpoint-500 is taken, the best by trainer_state.json" in said


def test_a_best_that_is_gone_is_refused(trained: Path) -> None:
    name_best(trained, "trained/checkpoint-700")
    with pytest.raises(UserError, match=r"checkpoint-700 as the best, which is not here; name one "
                                        "of checkpoint-500, checkpoint-1000"):  # fmt: skip
        choose(trained)


def test_a_model_at_the_top_is_the_model(trained: Path, distilbert: Path) -> None:
    name_best(trained / "checkpoint-1500", "trained/checkpoint-500")
    shutil.copytree(distilbert, trained, dirs_exist_ok=True)
    assert choose(trained) == (trained, "")


def test_what_is_no_trainers_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    assert choose(tmp_path) == (tmp_path, "")


def test_the_chosen_one_is_bundled_and_named(trained: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (trained / "checkpoint-1500" / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"checkpoint-1500', which has no vocabulary"):
        bundle(str(trained), tmp_path / "out", said.append)
    name_best(trained, "checkpoint-1000")
    bundle(str(trained), tmp_path / "out", said.append)
    assert "checkpoint-1000 is taken" in said[1]
    assert (tmp_path / "out" / "model.safetensors").is_file()
