"""Who works on what: the next image for somebody, leases, assignments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from limner.access import (
    Actor,
    Permission,
    ProjectRole,
    access_image,
    access_project,
    knows_gold,
    may_annotate,
    permissions_in,
)
from limner.access.permissions import PROJECT_ROLE_PERMISSIONS
from limner.encoding.states import Target
from limner.errors import InvalidInput
from limner.service.images import seen_by
from limner.service.models import key_of
from limner.service.wiring import Services
from limner.store import assignments, leases
from limner.store.assignments import Workload
from limner.store.copies import home_of, original_of
from limner.store.gold import take_gold
from limner.store.listing import conditions, handed_out
from limner.store.overlap import take_overlap
from limner.store.people import get_user
from limner.store.tables import User
from limner.store.work import announce_work
from limner.vocabulary.listing import Listing
from limner.vocabulary.states import ImageFilter

MOST_ASSIGNED = 10_000  # images at once
UNBEGUN = ("all", "any", "waiting", "unannotated")  # lists in which a copy of a gold image looks like any other image
WORKING_ROLES = [role for role in ProjectRole if Permission.ANNOTATE in PROJECT_ROLE_PERMISSIONS[role]]


@dataclass(frozen=True)
class NextImage:
    """What somebody was handed.

    Attributes:
        image_id: the image to work on; None: there is none for them.
        reserved: numbers of those that they are handed after it, as far as can be said.
        until: how long they have them without saving; None with no image.
    """

    image_id: int | None
    reserved: Sequence[int]
    until: datetime | None


@dataclass(frozen=True)
class Worker:
    """Somebody who may work in a project, or to whom images are assigned there, and what they have to do."""

    user: User
    load: Workload


@dataclass(frozen=True)
class Selection:
    """Images to be assigned: those named, or those that pass a filter and are assigned to one person, or to nobody."""

    image_ids: Collection[int] | None = None
    state: ImageFilter = "waiting"
    assigned_to: int | None = None
    limit: int = MOST_ASSIGNED


def take_next(
    context: Services,
    actor: Actor,
    project_id: int,
    *,
    current: int | None = None,
    give_back: bool = False,
    listing: Listing | None = None,
) -> NextImage:
    """Hand the actor the next image to work on; it and those after it are encoded ahead.

    Args:
        context: the services.
        actor: who is to work on it.
        project_id: in which project.
        current: number of the image that they come from.
        give_back: they leave that one as it is: others may have it.
        listing: only images that are listed, in the list's order; None: any, in the project's order.

    Raises:
        NotFound: there is no such project, or no such current image, that the actor may see.
        Forbidden: the actor may not annotate there.
        InvalidInput: the current image is one of another project.
    """
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.ANNOTATE)
        image = None
        if current is not None:
            image = access_image(session, actor, current, Permission.ANNOTATE, lock=True)
            if home_of(session, image) != project.id:
                raise InvalidInput(f"Image {current} is not in this project.", hint="Name one of its images, or none.")
        given = leases.give_back(session, image, actor.user_id) if image and give_back else []
        session.flush()
        copy = None
        if not knows_gold(permissions_in(session, actor, project.id)) and (
            listing is None or (listing.state in UNBEGUN and listing.also in UNBEGUN)
        ):
            place = [] if listing is None else conditions(project.id, replace(listing, state="all", also="any"))
            copy = take_gold(session, project, actor.user_id, current, among=place) or take_overlap(
                session, project, actor.user_id, image, among=place
            )
        listed_as = image and original_of(session, image)
        among = None
        if listing is not None:
            among = handed_out(session, project.id, listed_as, seen_by(session, actor, project.id, listing)[0])
        found = (
            leases.take_next(session, project, actor.user_id, listed_as, among=among)
            if copy is None
            else [copy, *leases.reserved_for(session, project.id, actor.user_id)]
        )
        announce_work(session, [each for each in given if each not in found])
        model_sha256 = key_of(context, project).model_sha256
    for each in found:
        context.encoder.request(Target(each.sha256, model_sha256), "prefetch")
    return NextImage(
        found[0].id if found else None, [each.id for each in found[1:]], found[0].lease_until if found else None
    )


def give_back(context: Services, actor: Actor, image_id: int) -> None:
    """The actor leaves an image: others may have it, and what was reserved for the actor.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not annotate it.
    """
    with context.database.write() as session:
        image = access_image(session, actor, image_id, Permission.ANNOTATE, lock=True)
        ended = leases.give_back(session, image, actor.user_id)
        session.flush()
        announce_work(session, ended)


def list_workers(context: Services, actor: Actor, project_id: int) -> Sequence[Worker]:
    """Who may work in a project, by name, and what each has to do there.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not assign images in it.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.ASSIGN)
        return _workers(session, project_id)


def assign(context: Services, actor: Actor, project_id: int, selection: Selection, to: Sequence[int]) -> int:
    """Assign images to people, evenly; with nobody named they are anybody's again.

    Returns:
        How many images are assigned otherwise now.

    Raises:
        NotFound: there is no such project that the actor may see, or no such person.
        Forbidden: the actor may not assign images in it.
        InvalidInput: a person may not annotate in the project, or an image is not in it; nothing was changed.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.ASSIGN)
        people = list(dict.fromkeys(to))
        for user_id in people:
            check_worker(session, project_id, user_id)
        image_ids = selection.image_ids
        if image_ids is None:
            image_ids = assignments.choose_images(
                session, project_id, selection.state, selection.assigned_to, selection.limit
            )
        return assignments.assign(session, project_id, image_ids, people)


def _workers(session: Session, project_id: int) -> Sequence[Worker]:
    loads: Mapping[int, Workload] = assignments.workloads(session, project_id)
    users = assignments.list_workers(session, project_id, WORKING_ROLES, loads.keys())
    return [Worker(user, loads.get(user.id, Workload())) for user in users]


def check_worker(session: Session, project_id: int, user_id: int) -> None:
    """Make sure that images of a project can be assigned to somebody.

    Raises:
        NotFound: there is no such person.
        InvalidInput: they may not annotate in it.
    """
    user = get_user(session, user_id)
    if not may_annotate(session, user, project_id):
        raise InvalidInput(
            f"{user.name} {'is disabled' if user.disabled else 'may not annotate in this project'}.",
            hint="Assign images to annotators, reviewers and managers of the project, or to owners.",
        )
