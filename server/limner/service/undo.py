"""What the person who asks can take back on an image. Taking it back is an operation like any other."""

from __future__ import annotations

from dataclasses import dataclass

from limner.access import Actor, Permission, access_image
from limner.service.wiring import Services
from limner.store.names import names_of_users
from limner.store.undo import PastOperation, PastStep, PastSteps, steps_of

__all__ = ["OwnSteps", "PastOperation", "PastStep", "PastSteps", "list_own_steps"]


@dataclass(frozen=True)
class OwnSteps:
    """Steps of the person who asked, and what whoever ended them is called now (None: nobody did, or nobody known)."""

    steps: PastSteps
    ended_by_name: str | None


def list_own_steps(context: Services, actor: Actor, image_id: int) -> OwnSteps:
    """The steps that the actor made on an image, in whatever browser, and can take back or do again.

    Args:
        context: the services.
        actor: who asks, and whose steps are given.
        image_id: the image.

    Raises:
        NotFound: there is no such image that the actor may see.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        steps = steps_of(session, image.id, actor.user_id)
        user_id = steps.ended_by[0] if steps.ended_by else None
        return OwnSteps(steps, names_of_users(session, [user_id]).get(user_id) if user_id is not None else None)
