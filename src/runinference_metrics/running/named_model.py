"""A model that is named as on the hub: fetched for a run on this machine, else the next step."""

import dataclasses
import os

from runinference_metrics.bundling.hub_name import HubName
from runinference_metrics.errors import UserError
from runinference_metrics.models.remote import is_remote
from runinference_metrics.options.settings import Settings
from runinference_metrics.running.logs import say

_TAKES = "a folder with a sequence-classification model"


def refuse(settings: Settings) -> None:
    """Raises UserError when the model is named as on the hub: workers fetch nothing from there."""
    if name := _name(settings.model):
        revision = name.revision or "main"
        got = (f"{settings.model!r}, which is no folder; of the hub's model of that name make a "
               f"folder with `{name.command}` and copy it to gs://, or build it into the image "
               f"with `make image MODEL_ID={name.id} MODEL_REVISION={revision}`")  # fmt: skip
        raise UserError("model", _TAKES, got)


def fetched(settings: Settings) -> Settings:
    """The settings with a folder as the model, where it was named as on the hub.

    Raises:
        UserError: the name has no revision, or stands for no model that can be run.
    """
    name = wanted(settings)
    if name is None:
        return settings
    # Imports torch and transformers, which most runs need later than this.
    from runinference_metrics.bundling.bundle import cached

    folder = cached(name, say)
    say(f"The model is in {folder}")
    return dataclasses.replace(settings, model=str(folder))


def wanted(settings: Settings) -> HubName | None:
    """The model of the hub that a run on this machine fetches first; None where it has a folder.

    Raises:
        UserError: the name has no revision.
    """
    name = _name(settings.model)
    if name and not name.revision:
        # A folder's name with a slip in it has the same form: nobody's model is fetched for that.
        got = (f"{settings.model!r}, which is no folder here; for the hub's model of that name "
               f"write {name}@main, or a commit for main")  # fmt: skip
        raise UserError("model", _TAKES, got)
    return name


def _name(model: str) -> HubName | None:
    """The name on the hub that is given as the model, if one is: a folder comes first."""
    if is_remote(model) or os.path.exists(model):
        return None
    name = HubName.parse(model)
    # A bare name is a folder's that is missing, mostly.
    return name if name and (name.has_owner or name.revision) else None
