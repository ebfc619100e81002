"""A model on the Hugging Face hub: its commit looked up, its files fetched, refusals in a sentence.

Files lie in the hub's own cache (HF_HOME), which other programs of this machine share; what is
there already is not fetched again.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.bundling.parts import TAKES
from runinference_metrics.errors import UserError, first_line

# The hub's own answers tell of a name that is wrong and of one that is secret in the same words.
_TOKEN = "set HF_TOKEN to a token of an account that may read it"


class OnHub:
    """A model on the hub, at one commit.

    Args:
        name: the model, with its whole commit.
        names: its files.
    """

    def __init__(self, name: HubName, names: frozenset[str]) -> None:
        self.name = str(name)
        self.names = names
        self.origin = {"source": "hub", "model": name.id, "revision": name.revision}
        self._name = name

    @classmethod
    def find(cls, name: HubName, say: Callable[[str], None]) -> "OnHub":
        """Looks up the commit of a revision, which may move, and the files.

        Args:
            name: the model; without a revision its newest commit is meant.
            say: takes a sentence for the user.

        Raises:
            UserError: it is not there, may not be read, or the hub cannot be reached.
        """
        try:
            found = HfApi().model_info(name.id, revision=name.revision or None)
        except Exception as error:
            raise _refused(name, error) from error
        if not found.sha:
            raise UserError("model", TAKES, f"'{name}', for which the hub names no commit")
        pinned = HubName(found.id or name.id, found.sha)
        if not name.pinned:
            say(f"{name} is {pinned} today; write that to get the same model again")
        return cls(pinned, frozenset(one.rfilename for one in found.siblings or ()))

    def get(self, names: Iterable[str]) -> Path:
        """Downloads them."""
        try:
            folder = snapshot_download(
                self._name.id, revision=self._name.revision, allow_patterns=list(names)
            )
        except Exception as error:
            raise _refused(self._name, error) from error
        return Path(folder)


def commit_of(name: HubName, say: Callable[[str], None]) -> HubName:
    """The name with its whole commit; asks the hub unless it has that."""
    if name.pinned:
        return name
    origin = OnHub.find(name, say).origin
    return HubName(origin["model"], origin["revision"])


def _refused(name: HubName, error: Exception) -> UserError:
    page = f"{constants.ENDPOINT}/{name.id}"
    if isinstance(error, OfflineModeIsEnabled):
        why = ("and HF_HUB_OFFLINE=1 keeps the program off the hub, as always in the image: where "
               f"there is a network, make its folder with `{name.command}`")  # fmt: skip
    elif isinstance(error, GatedRepoError):
        why = f"which is gated: accept its terms on {page}, and {_TOKEN}"
    elif isinstance(error, RepositoryNotFoundError):
        token = "HF_TOKEN may be wrong" if get_token() else f"for a private one {_TOKEN}"
        why = f"which is no folder here, and on the hub is not to be seen: check the name; {token}"
    elif isinstance(error, RevisionNotFoundError):
        why = f"which has no revision {name.revision}: {page}/commits shows its commits"
    elif isinstance(error, HfHubHTTPError) and error.response is not None:
        why = f"for which the hub answers {error.response.status_code}: {first_line(error)}"
    else:
        why = (f"which is no folder here, and the hub ({constants.ENDPOINT}) cannot be reached "
               f"({first_line(error)}): try again, or name a folder")  # fmt: skip
    return UserError("model", TAKES, f"'{name}', {why}")
