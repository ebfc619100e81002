"""Where a model comes from, as people write it: a folder, a bucket's, or a name on the hub."""

import re

from runinference_metrics.errors import UserError
from runinference_metrics.options.addresses import AddressError, address

_TAKES = "owner/name@revision of the Hugging Face hub, a folder, or gs://bucket/folder"
# A page of the hub's, or what its own libraries write.
_PAGE = re.compile(
    r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://)(?:models/)?(?P<path>[^?#]*)", re.I
)
# https://huggingface.co/owner/name/tree/main and the like.
_VIEW = re.compile(r"(?:tree|blob|resolve|raw|commits?)/(?P<revision>[^/]+)(?:/.*)?")
_NO_MODELS = (
    "api", "blog", "collections", "datasets", "docs", "join", "learn", "login", "organizations",
    "papers", "posts", "pricing", "settings", "spaces", "tasks",
)  # fmt: skip


def model_source(text: str) -> str:
    """A folder's address, or a name on the hub as owner/name[@revision].

    Raises:
        UserError: it is an address of something else.
    """
    try:
        return source(text)
    except AddressError as wrong:
        raise UserError("SOURCE", wrong.takes, wrong.got) from None


def source(text: str) -> str:
    """As `model_source`; raises AddressError."""
    page = _PAGE.match(text.strip())
    if page is None:
        found = address(text)
        if not found:
            raise AddressError("nothing", _TAKES)
        return found
    parts = page["path"].strip("/").split("/")
    if not parts[0] or parts[0] in _NO_MODELS:
        raise AddressError(f"{text!r}, which is the page of no model", _TAKES)
    view = _VIEW.fullmatch("/".join(parts[2:]))
    name = "/".join(parts[:2])
    return f"{name}@{view['revision']}" if view else name


def local_folder(text: str) -> str:
    """A folder on this machine, to be made.

    Raises:
        UserError: it is the address of something else.
    """
    try:
        found = address(text)
    except AddressError as wrong:
        raise UserError("output", wrong.takes, wrong.got) from None
    if not found or found.startswith("gs://"):
        hint = ": make it here, then gcloud storage cp --recursive FOLDER gs://…" if found else ""
        raise UserError("output", "a new folder on this machine", f"{text!r}{hint}")
    return found
