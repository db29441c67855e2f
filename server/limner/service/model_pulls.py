"""Having models fetched and installed on the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limner.access import Actor, Permission, require
from limner.models import pulls
from limner.models.catalogue import KnownModel
from limner.service.audit import log_action
from limner.service.wiring import Services


@dataclass(frozen=True)
class ModelPull:
    """How far a model is that somebody wants.

    Attributes:
        state: ``failed``: nobody goes on until somebody asks again.
        done: bytes that are there.
        total: bytes of the whole; None where nobody has written that down.
        message: why it failed.
        hint: what would be right.
    """

    state: Literal["pulling", "failed"]
    done: int
    total: int | None
    message: str
    hint: str


def find_pull(context: Services, known: KnownModel) -> ModelPull | None:
    """How far a model is; None when nobody wants it."""
    home = context.settings.home
    found = pulls.find_wanted(home, known.name)
    if found is None:
        return None
    state: Literal["pulling", "failed"] = "failed" if found.state == "failed" else "pulling"
    return ModelPull(state, pulls.arrived(home, known.name), known.size, found.message, found.hint)


def pull_model(context: Services, actor: Actor, name: str) -> None:
    """Have a model fetched and installed, in the background; one that failed is gone on with.

    Raises:
        Forbidden: the actor does not manage models.
        NotFound: it cannot be fetched.
        Conflict: it is installed.
    """
    require(actor, Permission.MANAGE_MODELS)
    pulls.want(context.settings.home, name)
    with context.database.write() as session:
        log_action(session, actor, "model.pull", "model", name=name)
    context.puller.look_again()


def cancel_pull(context: Services, actor: Actor, name: str) -> None:
    """Have a model not fetched any more, or forget that it failed. What has arrived is kept for the next time.

    Raises:
        Forbidden: the actor does not manage models.
        NotFound: it cannot be fetched.
    """
    require(actor, Permission.MANAGE_MODELS)
    pulls.unwant(context.settings.home, name)
    with context.database.write() as session:
        log_action(session, actor, "model.cancel", "model", name=name)
    context.puller.look_again()
