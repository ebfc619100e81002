from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import DEMO_MODEL, ROOT
from runinference_metrics.errors import UserError
from runinference_metrics.options import command_line, values
from runinference_metrics.options.beam_flags import unknown_flag
from runinference_metrics.options.parameters import PARAMETERS

REQUIRED = ["--input=a.txt", "--output=out"]


def test_defaults_are_those_that_the_parameters_declare() -> None:
    settings, rest = command_line.parse(REQUIRED)
    assert settings.input == ("a.txt",)
    assert settings.device == "CPU"
    assert settings.max_batch_tokens is None
    assert settings.max_length is None
    assert settings.overwrite is False
    assert rest == []
    declared = {parameter.name for parameter in PARAMETERS}
    assert set(settings.as_parameters()) == declared
    assert all(parameter.help.endswith((".", "none.")) for parameter in PARAMETERS)


def test_flags_that_are_not_ours_are_left_for_beam() -> None:
    _, rest = command_line.parse([*REQUIRED, "--runner=DirectRunner", "--direct_num_workers", "2"])
    assert rest == ["--runner=DirectRunner", "--direct_num_workers", "2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input=a.txt"], "--output takes a folder or a table; got nothing: it is required"),
        (["--device=cuda:0"], "--device takes CPU or GPU; got 'cuda:0'"),
        (
            ["--max_batch_size=0"],
            "takes auto or a whole number from 1 to 65536; got '0'",
        ),
        (["--max_batch_size=1.5"], "got '1.5'"),
        (["--max_batch_tokens=many"], "--max_batch_tokens takes auto or a whole number from 1"),
        (
            ["--precision=int8", "--device=GPU"],
            "takes int8 only with --device=CPU; got int8",
        ),
        (
            ["--precision=int4"],
            "takes auto, float32, bfloat16, float16 or int8; got 'int4'",
        ),
        (["--overwrite=yes"], "--overwrite takes true or false; got 'yes'"),
        (["--max_length=2"], "--max_length takes auto or a whole number from 3; got 2"),
        (
            ["--min_batch_size=600", "--max_batch_size=512"],
            "--min_batch_size takes a whole number up to --max_batch_size (512); got 600",
        ),
        (
            ["--input= , "],
            "--input takes one or several comma-separated file patterns, a table, or a query; got",
        ),
    ],
)
def test_a_wrong_value_names_the_flag_what_it_takes_and_what_came(
    arguments: list[str], message: str
) -> None:
    given_flags = {argument.split("=")[0] for argument in arguments}
    base = [one for one in REQUIRED if one.split("=")[0] not in given_flags]
    if message.startswith("--output"):
        base = []
    with pytest.raises(UserError) as caught:
        command_line.parse([*base, *arguments])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_overwrite_without_a_value_is_what_a_person_types() -> None:
    assert command_line.parse([*REQUIRED, "--overwrite"])[0].overwrite
    assert command_line.parse([*REQUIRED, "--overwrite=true"])[0].overwrite
    assert not command_line.parse([*REQUIRED, "--overwrite=false"])[0].overwrite


@pytest.mark.parametrize("nothing", ["", " ", "\n", "\t \n"])
def test_an_empty_field_of_the_console_means_the_default(nothing: str) -> None:
    optional = [one.name for one in PARAMETERS if one.default is not None]
    filled = command_line.parse([*REQUIRED, *(f"--{name}={nothing}" for name in optional)])
    assert filled == command_line.parse(REQUIRED)
    for flag in REQUIRED:
        name = flag.split("=")[0]
        with pytest.raises(UserError, match=f"{name} takes .*; got nothing: it is required"):
            command_line.parse([*(one for one in REQUIRED if one != flag), f"{name}={nothing}"])


def test_spaces_around_a_value_and_the_case_of_a_choice_mean_nothing() -> None:
    given = {
        "input": " a.txt\n", "output": "\tout ", "device": " gpu", "precision": "BFloat16\n",
        "accelerator": " NVIDIA-L4 ", "gpu_placement": "All_Workers", "min_batch_size": " 5 ",
        "max_batch_size": "AUTO", "overwrite": " TRUE ", "max_failure_rate": " 0.1\n",
        "text_field": " review ", "keep_fields": " a , b ", "prices": " p.yaml ", "model": "\nm ",
    }  # fmt: skip
    settings, _ = command_line.parse([f"--{name}={value}" for name, value in given.items()])
    assert (settings.input, settings.output, settings.model) == (("a.txt",), "out", "m")
    assert (settings.device, settings.precision) == ("GPU", "bfloat16")
    assert (settings.accelerator, settings.gpu_placement) == ("nvidia-l4", "all_workers")
    assert (settings.min_batch_size, settings.max_batch_size) == (5, 8192)
    assert (settings.overwrite, settings.max_failure_rate) == (True, 0.1)
    assert (settings.text_field, settings.keep_fields) == ("review", ("a", "b"))
    assert settings.prices == "p.yaml"


def test_an_unknown_flag_gets_the_nearest_known_one() -> None:
    error = unknown_flag("--max_batchsize=3", ["runner"])
    assert "did you mean --max_batch_size?" in str(error)


@given(st.sampled_from([p.name for p in PARAMETERS]), st.text(max_size=20))
def test_any_value_is_parsed_or_refused_with_one_line(name: str, text: str) -> None:
    base = [one for one in REQUIRED if not one.startswith(f"--{name}=")]
    wrong = None
    try:
        command_line.parse([*base, f"--{name}={text}"])
    except UserError as error:
        wrong = str(error)
    assert wrong is None or (wrong.startswith("--") and "\n" not in wrong)


def test_the_bundled_model_is_found_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RUNINFERENCE_METRICS_MODEL", raising=False)
    # Another model at the same place below the folder is not the bundled one.
    (tmp_path / "models" / "demo").mkdir(parents=True)
    (tmp_path / "models" / "demo" / "config.json").write_text("{}")
    for folder in (tmp_path, ROOT.parent, ROOT / "src"):
        monkeypatch.chdir(folder)
        assert (folder / model_of()).resolve() == DEMO_MODEL
    monkeypatch.chdir(ROOT.parent)
    assert model_of() == f"{ROOT.name}/models/demo"


def test_without_a_bundled_model_one_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RUNINFERENCE_METRICS_MODEL", raising=False)
    monkeypatch.setattr(values, "_CHECKOUT", tmp_path)
    with pytest.raises(UserError, match=r"--model takes a folder, since .*; got 'bundled'"):
        model_of()
    assert model_of("--model=mine") == "mine"


def model_of(*flags: str) -> str:
    return command_line.parse(["--input=a", "--output=b", *flags])[0].model


def test_the_bundled_model_is_the_images_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNINFERENCE_METRICS_MODEL", raising=False)
    monkeypatch.chdir(ROOT)
    assert model_of() == "models/demo"
    monkeypatch.setenv("RUNINFERENCE_METRICS_MODEL", "/opt/model")
    assert model_of() == "/opt/model"
    assert model_of("--model=bundled") == "/opt/model"
    assert model_of("--model=mine") == "mine"


@pytest.mark.parametrize(
    ("flags", "sizes"),
    [
        ([], (64, 512)),
        (["--device=GPU"], (1024, 8192)),
        (["--device=GPU", "--max_batch_size=100"], (100, 100)),
        (["--min_batch_size=600"], (600, 600)),
        (["--min_batch_size=1", "--max_batch_size=auto"], (1, 512)),
    ],
)
def test_batch_sizes_are_chosen_by_device(flags: list[str], sizes: tuple[int, int]) -> None:
    settings, _ = command_line.parse([*REQUIRED, *flags])
    assert (settings.min_batch_size, settings.max_batch_size) == sizes
