"""Makes an environment small: drops what never runs, keeps bytecode only of what does.

Run once, while the image is built, by the environment's own Python, after
`pip install --no-compile`. Each megabyte in the image is start-up time on every worker.
"""

import importlib
import shutil
import sys
import sysconfig
from pathlib import Path

# What a launcher and a worker import. Their modules, and those that they pull in, get bytecode;
# the rest of the environment (most of it) is there for the odd case, and compiled when it comes.
IMPORTED = (
    "apache_beam",
    "apache_beam.io.fileio",
    "apache_beam.io.gcp.gcsfilesystem",
    "apache_beam.io.gcp.gcsio",
    "apache_beam.ml.inference.base",
    "apache_beam.runners.dataflow.dataflow_runner",
    "apache_beam.runners.dataflow.internal.apiclient",
    "apache_beam.runners.portability.fn_api_runner",
    "apache_beam.runners.worker.sdk_worker_main",
    "apache_beam.runners.worker.worker_pool_main",
    "apache_beam.typehints.intrinsic_one_ops",
    "ddsketch",
    "fastavro",
    "google.cloud.bigquery",
    "google.cloud.bigquery_storage_v1",
    "google.cloud.dataflow_v1beta3",
    "google.cloud.storage.transfer_manager",
    "jinja2",
    "numpy.ma",
    "orjson",
    "pip._internal.commands.freeze",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.parquet",
    "rich._emoji_codes",
    "rich.console",
    "rich.table",
    "tokenizers.trainers",
    "torch",
    "transformers.integrations.mistral.constants",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.distilbert.modeling_distilbert",
    "transformers.models.encoder_decoder.configuration_encoder_decoder",
    "transformers.models.roberta.modeling_roberta",
    "yaml",
    "zstandard",
)
# Compiling against a package, or testing it, is not what the image is for.
USELESS_FOLDERS = ("tests", "test", "include")
USELESS_FILES = ("*_test.py", "*.pxd", "*.pyx", "*.h", "*.hpp", "*.a", "*.lib")
# torch's own C++ tests and compilers; torch_shm_manager beside them is needed.
USELESS_IN_TORCH_BIN = ("*Test", "test_*", "protoc*", "*.ptl", "upgrader_models")
# Comes with torch for torch.compile on a GPU, which needs a C compiler besides and is not used
# here: 600 MB. Its record stays, so that `pip check` still finds all that torch asks for.
USELESS_PACKAGES = ("triton",)
# Large, and the same for months: a layer of their own.
TORCH_PARTS = ("torch", "torchgen", "functorch", "nvidia", "cuda", "cusparselt")


def main(environment: Path, torch_environment: Path) -> None:
    """Shrinks `environment`, and moves torch and its CUDA libraries into `torch_environment`."""
    packages = Path(sysconfig.get_path("purelib"))
    before = _megabytes(environment)
    _remove_useless(packages)
    # Writes the bytecode of whatever is imported, and of nothing else.
    for name in IMPORTED:
        importlib.import_module(name)
    target = torch_environment / packages.relative_to(environment)
    target.mkdir(parents=True)
    after = _megabytes(environment)
    for part in TORCH_PARTS:
        if (packages / part).exists():
            shutil.move(packages / part, target / part)
    moved = _megabytes(torch_environment)
    print(f"{environment}: {before} MB, of which {after} are left; {moved} of them are torch's.")
    for size, name in sorted(_sizes(packages) + _sizes(target), reverse=True)[:12]:
        print(f"{size:6} MB  {name}")


def _remove_useless(packages: Path) -> None:
    # pip is Beam's, which asks it what is installed; and what stands directly in the folder is a
    # package, whatever its name.
    folders = [packages / name for name in USELESS_PACKAGES if (packages / name).exists()]
    folders += [
        path
        for name in USELESS_FOLDERS
        for path in packages.rglob(name)
        if path.is_dir() and path.parent != packages
    ]
    files = [path for pattern in USELESS_FILES for path in packages.rglob(pattern)]
    files += [path for one in USELESS_IN_TORCH_BIN for path in packages.glob(f"torch/bin/{one}")]
    for path in folders + files:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _sizes(packages: Path) -> list[tuple[int, str]]:
    return [(_megabytes(path), path.name) for path in packages.iterdir() if path.is_dir()]


def _megabytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 1e6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
