"""A model in a bucket: checked at launch, downloaded once a machine, shared by its processes."""

import base64
import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import google_crc32c
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import storage
from google.cloud.storage import transfer_manager

from runinference_metrics.errors import UserError, one_line
from runinference_metrics.models import cache
from runinference_metrics.models.folder import CONFIG_FILES, ModelFolder, is_weight_file

_LOG = logging.getLogger(__name__)

_TAKES = "a folder with a sequence-classification model"
# Enough to fill a worker's network with a few big files, few enough for its memory.
_PARALLEL_DOWNLOADS = 8
_READ_BYTES = 1 << 20


def is_remote(path: str) -> bool:
    """Whether a model's folder lies in a bucket."""
    return path.startswith("gs://")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model, as the bucket lists it."""

    name: str
    size_bytes: int
    crc32c: str
    generation: int


@dataclass(frozen=True)
class RemoteModel:
    """The files of a model in a bucket; only those that a model needs.

    Args:
        path: the folder, `gs://bucket/folder`.
        files: its files.
    """

    path: str
    files: tuple[RemoteFile, ...]

    @classmethod
    def find(cls, path: str, wanted: Callable[[str], bool] | None = None) -> "RemoteModel":
        """Lists the folder.

        Args:
            path: the folder, `gs://bucket/folder`.
            wanted: which files are taken, by their names; without it those that a run needs.

        Raises:
            UserError: it cannot be listed, or nothing of a model is in it.
        """
        bucket, prefix = _bucket_and_prefix(path)
        try:
            answer = _client().list_blobs(bucket, prefix=prefix, delimiter="/")
            listed = list(answer)
        except (GoogleAPICallError, OSError, ValueError) as error:
            got = f"{path!r}: {one_line(error)}"
            raise UserError("model", "a folder that can be listed", got) from error
        files = []
        for blob in listed:
            name = PurePosixPath(blob.name).name
            if (wanted or _is_needed)(name):
                files.append(RemoteFile(name, blob.size, blob.crc32c or "", blob.generation or 0))
        if not files:
            folders = [PurePosixPath(one).name for one in sorted(answer.prefixes)]
            hint = f"; of its folders name the one with the model: {', '.join(folders[:9])}"
            got = f"{path!r}, in which nothing of a model is found{hint if folders else ''}"
            raise UserError("model", _TAKES, got)
        return cls(path, tuple(sorted(files, key=lambda file: file.name)))

    def check(self, label_names: Sequence[str] | None = None) -> ModelFolder:
        """Reads the configuration alone; raises UserError when it is no sequence classifier."""
        contents = {
            file.name: self._content(file)
            for file in self.files
            if file.name in ("config.json", "tokenizer_config.json")
        }
        return ModelFolder.of(self.path, {file.name for file in self.files}, contents, label_names)

    def _content(self, file: RemoteFile) -> bytes:
        try:
            return bytes(self._blob(file).download_as_bytes())
        except (GoogleAPICallError, OSError) as error:
            got = f"{self.path!r}: {file.name}: {one_line(error)}"
            raise UserError("model", "a folder that can be read", got) from error

    def _blob(self, file: RemoteFile) -> Any:
        bucket, prefix = _bucket_and_prefix(self.path)
        # The listed generation: a file that is replaced meanwhile is an error, not a mixture.
        generation = file.generation or None
        return _client().bucket(bucket).blob(f"{prefix}{file.name}", generation=generation)

    @property
    def key(self) -> str:
        """A name for exactly these contents."""
        listed = json.dumps([(f.name, f.size_bytes, f.crc32c) for f in self.files])
        return hashlib.sha256(listed.encode()).hexdigest()

    def download(self) -> str:
        """The local folder with the files; downloads them unless a process here already has.

        Raises:
            UserError: a file cannot be read, or does not arrive as it was listed.
        """
        return str(cache.filled(self.key, self.download_into))

    def download_into(self, folder: Path) -> None:
        """Downloads the files into a new folder, which appears whole or not at all."""
        partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.part")
        partial.mkdir(mode=0o700)
        try:
            _LOG.info("Downloading the model %s", self.path)
            pairs = [(self._blob(file), str(partial / file.name)) for file in self.files]
            try:
                # Tries again by itself, with growing pauses, what can be tried again.
                transfer_manager.download_many(
                    pairs,
                    worker_type=transfer_manager.THREAD,
                    max_workers=_PARALLEL_DOWNLOADS,
                    raise_exception=True,
                )
            except Exception as error:
                got = f"{self.path!r}, whose download fails: {one_line(error)}"
                raise UserError("model", "a folder that can be read", got) from error
            for file in self.files:
                self._check_arrival(file, partial / file.name)
            # Whole under its final name, or not there at all.
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _check_arrival(self, file: RemoteFile, path: Path) -> None:
        size_bytes = path.stat().st_size
        if size_bytes != file.size_bytes:
            got = f"{size_bytes} bytes of {file.name}, listed with {file.size_bytes}"
            raise UserError("model", "files that arrive whole", got)
        if file.crc32c and _crc32c(path) != file.crc32c:
            got = f"{file.name} with another checksum than listed"
            raise UserError("model", "files that arrive unchanged", got)


def local_folder(path: str) -> str:
    """The folder on this machine: `path` itself, or what is downloaded of a bucket's."""
    return RemoteModel.find(path).download() if is_remote(path) else path


def _is_needed(name: str) -> bool:
    return name in CONFIG_FILES or is_weight_file(name)


def _client() -> storage.Client:
    return storage.Client()


def _bucket_and_prefix(path: str) -> tuple[str, str]:
    bucket, _, prefix = path.removeprefix("gs://").partition("/")
    if not bucket:
        raise UserError("model", "a folder such as gs://bucket/folder", repr(path))
    return bucket, f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""


def _crc32c(path: Path) -> str:
    checksum = google_crc32c.Checksum()
    with path.open("rb") as stream:
        for _ in checksum.consume(stream, _READ_BYTES):
            pass
    return base64.b64encode(checksum.digest()).decode()
