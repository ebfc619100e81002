"""Makes a model's folder: only what is needed, a tokenizer.json, and the digests of its files.

    python tools/bundle_model.py hub distilbert/distilbert-base-uncased-finetuned-sst-2-english \
        --revision=714eb0f --output=models/sst2
    python tools/bundle_model.py folder models/mine --output=models/bundled

Stands alone, so that building an image fetches a model again only when the model changes.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

# Configuration, weights, and every form of a tokenizer from which a tokenizer.json can be made.
# Never *.bin or *.pt: they are pickles.
CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                   "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
                   "*.model")  # fmt: skip
# What stays of them: the rest is inside tokenizer.json.
KEPT = (CONFIG, TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", *WEIGHTS)
DIGESTS = "digests.json"


def fetch(model: str, revision: str, cache: str) -> Path:
    """Downloads what is needed of a model of the Hugging Face hub; returns its folder."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            model,
            revision=revision,
            allow_patterns=[CONFIG, *WEIGHTS, *TOKENIZER_FILES],
            cache_dir=cache,
        )
    )


def bundle(source: Path, output: Path, origin: dict[str, str]) -> None:
    """Copies what is needed of `source` to `output`, and writes the digests.

    Raises:
        SystemExit: `source` is no model's folder, or `output` has something in it.
    """
    if not (source / CONFIG).is_file():
        sys.exit(f"{source} has no {CONFIG}: expected a model's folder")
    if not list(source.glob(WEIGHTS[0])):
        sys.exit(f"{source} has no model.safetensors: weights in other formats are pickles, "
                 "and never loaded")  # fmt: skip
    if output.exists() and any(output.iterdir()):
        sys.exit(f"{output} is not empty: expected a new folder")
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted({path for one in KEPT for path in source.glob(one)}):
        # A cache of the hub's holds links.
        shutil.copyfile(path.resolve(), output / path.name)
    if not (output / TOKENIZER).exists():
        make_tokenizer(source, output)
    files = {path.name: _sha256(path) for path in sorted(output.iterdir())}
    record = {**origin, "files": files}
    (output / DIGESTS).write_text(json.dumps(record, indent=2) + "\n")
    total = sum(path.stat().st_size for path in output.iterdir())
    print(f"{output}: {len(files)} files, {total / 1e6:.1f} MB")
    for name, digest in files.items():
        print(f"  {digest}  {name}")


def make_tokenizer(source: Path, output: Path) -> None:
    """Writes the tokenizer.json of a model that has only its vocabulary (older ones do)."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        str(source), local_files_only=True, trust_remote_code=False
    )
    if not getattr(tokenizer, "is_fast", False):
        sys.exit(f"{source} has no tokenizer.json, and none can be made of what there is")
    tokenizer.save_pretrained(str(output))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main(argv: list[str] | None = None) -> None:
    """Bundles a model of the hub, or of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="source", required=True)
    hub = commands.add_parser("hub", help="a model of the Hugging Face hub")
    hub.add_argument("model", help="owner/name")
    hub.add_argument("--revision", required=True, help="a commit: what a name means may change")
    folder = commands.add_parser("folder", help="a model's folder on this machine")
    folder.add_argument("folder", type=Path)
    for one in (hub, folder):
        one.add_argument("--output", type=Path, required=True, help="a new folder")
    given = parser.parse_args(argv)
    if given.source == "folder":
        bundle(given.folder, given.output, {"source": "folder"})
        return
    with tempfile.TemporaryDirectory() as cache:
        origin = {"source": "hub", "model": given.model, "revision": given.revision}
        bundle(fetch(given.model, given.revision, cache), given.output, origin)


if __name__ == "__main__":
    main()
