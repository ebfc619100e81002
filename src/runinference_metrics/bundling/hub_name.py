"""A model's name on the Hugging Face hub, as people write it."""

import re
from dataclasses import dataclass

# https://huggingface.co/docs/hub/repositories-getting-started: owner and name of letters, digits,
# dots, dashes and underscores. Old models have no owner.
_NAME = re.compile(
    r"(?P<id>(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95})(?:@(?P<revision>[^\s@:]+))?"
)
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A model of the hub, at a revision.

    Args:
        id: owner/name; of old models the name alone.
        revision: a commit, a tag or a branch; empty for the newest commit.
    """

    id: str
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> "HubName | None":
        """The name in `text`, as owner/name or owner/name@revision; None where there is none."""
        found = _NAME.fullmatch(text)
        return cls(found["id"], found["revision"] or "") if found else None

    @property
    def has_owner(self) -> bool:
        """Whether it is an owner/name."""
        return "/" in self.id

    @property
    def pinned(self) -> bool:
        """Whether the revision is a whole commit, which means the same for ever."""
        return COMMIT.fullmatch(self.revision) is not None

    @property
    def command(self) -> str:
        """The command that makes its folder."""
        return f"python -m runinference_metrics model {self} --output=FOLDER"

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}" if self.revision else self.id
