"""The same done to many images of a project: marked, assigned, tagged, moved, deleted. Each is checked as if alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_image, access_project
from limner.errors import NotFound
from limner.service.annotating import apply_within
from limner.service.audit import log_action
from limner.service.images import EVERYTHING, seen_by
from limner.service.trash import Withdrawn, forget, put_in_trash
from limner.service.turns import MOST, Outcome, Turn, all_in_turns, in_turns
from limner.service.wiring import Services
from limner.service.work import check_worker
from limner.store.assignments import reassign
from limner.store.copies import original_of
from limner.store.listing import count_unsubmitted_empty, numbers_of
from limner.store.moving import announce_moves, move_image
from limner.store.tables import Image
from limner.store.tags import add_tag, announce_tags, remove_tag
from limner.vocabulary.listing import Listing
from limner.vocabulary.names import clean_folder, clean_tag, folder_of
from limner.vocabulary.operations import MarkOperation
from limner.vocabulary.states import ImageState

Was = TypeVar("Was")


@dataclass(frozen=True)
class ManyImages:
    """Images of a project, above the number ``after``: those of these numbers, or all that are listed."""

    image_ids: Sequence[int] | None = None
    listing: Listing = EVERYTHING
    after: int = 0


@dataclass(frozen=True)
class Earlier:
    """How some of the images were marked, to whom they were assigned, or in which folder they were, before."""

    image_ids: Sequence[int]
    state: ImageState | None = None
    note: str = ""
    assigned_user_id: int | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Changed:
    """What became of many images, and what those that were changed were before, for who takes it back."""

    outcome: Outcome
    earlier: Sequence[Earlier]


def count_empty(context: Services, actor: Actor, project_id: int, images: ManyImages) -> int:
    """How many of these images have no masks and are not submitted: who submits them says that nothing is on them.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        listing, _ = seen_by(session, actor, project_id, images.listing)
        return count_unsubmitted_empty(session, project_id, listing, images.image_ids)


def mark_images(
    context: Services, actor: Actor, project_id: int, images: ManyImages, state: ImageState, note: str = ""
) -> Changed:
    """Say of many images how far the work on them is. What is so already stays as it is.

    Raises:
        NotFound: there is no such project that the actor may see.
    """

    def one(session: Session, image_id: int) -> tuple[ImageState, str] | None:
        image = _inside(access_image(session, actor, image_id, Permission.ANNOTATE, lock=True), project_id)
        was = (cast(ImageState, image.state), image.state_note)
        if was == (state, note) or (was[0] == state and not note):
            return None
        operation = MarkOperation(kind="mark", uid=uuid.uuid4(), state=state, note=note)
        apply_within(session, actor, image_id, str(uuid.uuid4()), operation, None)
        return was

    numbers, more = _chosen(context, actor, project_id, images)
    outcome, before = in_turns(context.database, numbers, one, more=more)
    return Changed(outcome, [Earlier(ids, each[0], each[1]) for each, ids in _alike(outcome.done, before).items()])


def assign_images(context: Services, actor: Actor, project_id: int, images: ManyImages, to: Sequence[int]) -> Changed:
    """Assign many images to people, evenly, neighbours to the same person; with nobody named they are anybody's again.

    Raises:
        NotFound: there is no such project that the actor may see, or no such person.
        Forbidden: the actor may not assign images in it.
        InvalidInput: a person may not annotate in the project; nothing was changed.
    """
    people = list(dict.fromkeys(to))
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.ASSIGN)
        for user_id in people:
            check_worker(session, project_id, user_id)
    numbers, more = _chosen(context, actor, project_id, images)
    wanted = {
        number: people[place * len(people) // len(numbers)] if people else None for place, number in enumerate(numbers)
    }

    def some(session: Session, image_ids: Sequence[int]) -> Turn[int | None]:
        access_project(session, actor, project_id, Permission.ASSIGN)
        before, missing = reassign(session, project_id, {number: wanted[number] for number in image_ids})
        return Turn(before, [(number, NotFound.row("image", number)) for number in missing])

    # All of them, because a next request would divide what this one has left as if nothing had been assigned yet.
    outcome, before = all_in_turns(context.database, numbers, some, more=more)
    return Changed(outcome, [Earlier(ids, assigned_user_id=was) for was, ids in _alike(outcome.done, before).items()])


def tag_images(
    context: Services, actor: Actor, project_id: int, images: ManyImages, tag: str, *, put: bool = True
) -> Changed:
    """Put a tag on many images, or take it off them. A copy on which somebody works stands for its original.

    Raises:
        NotFound: there is no such project that the actor may see.
        InvalidInput: the tag is none that can be kept.
    """
    tag = clean_tag(tag)

    def one(session: Session, image_id: int) -> int | None:
        image = _inside(original_of(session, access_image(session, actor, image_id, Permission.ANNOTATE)), project_id)
        if not (add_tag if put else remove_tag)(session, image.id, tag):
            return None
        return image.id

    def announce(session: Session, originals: Sequence[int]) -> None:
        announce_tags(session, project_id, originals)

    numbers, more = _chosen(context, actor, project_id, images)
    outcome, _ = in_turns(context.database, numbers, one, more=more, end_turn=announce)
    return Changed(outcome, ())


def move_images(context: Services, actor: Actor, project_id: int, images: ManyImages, folder: str) -> Changed:
    """Move many images to a folder, empty: to none. The last part of their names stays, and all that is on them.

    Raises:
        NotFound: there is no such project that the actor may see.
        InvalidInput: files cannot be in a folder of this name.
    """
    folder = clean_folder(folder)

    def one(session: Session, image_id: int) -> tuple[Sequence[Image], str] | None:
        image = _inside(access_image(session, actor, image_id, Permission.MANAGE_IMAGES, lock=True), project_id)
        name = image.file_name
        changed = move_image(session, image, folder)
        if not changed:
            return None
        log_action(
            session, actor, "image.move", "image", image.id, project_id=project_id, name=name, to=image.file_name
        )
        return changed, folder_of(name)

    def announce(session: Session, changes: Sequence[tuple[Sequence[Image], str]]) -> None:
        announce_moves(session, [image for moved, _ in changes for image in moved])

    numbers, more = _chosen(context, actor, project_id, images)
    outcome, changes = in_turns(context.database, numbers, one, more=more, end_turn=announce)
    before = _alike(outcome.done, [path for _, path in changes])
    return Changed(outcome, [Earlier(ids, folder=path) for path, ids in before.items()])


def delete_images(context: Services, actor: Actor, project_id: int, images: ManyImages) -> Changed:
    """Put many images into the trash of their project.

    Raises:
        NotFound: there is no such project that the actor may see.
    """

    def one(session: Session, image_id: int) -> Withdrawn:
        _inside(access_image(session, actor, image_id, Permission.MANAGE_IMAGES), project_id)
        return put_in_trash(session, actor, image_id)

    numbers, more = _chosen(context, actor, project_id, images)
    outcome, withdrawn = in_turns(context.database, numbers, one, more=more)
    forget(context, withdrawn)
    return Changed(outcome, ())


def _chosen(context: Services, actor: Actor, project_id: int, images: ManyImages) -> tuple[Sequence[int], bool]:
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        if images.image_ids is None:
            listing, _ = seen_by(session, actor, project_id, images.listing)
            found = numbers_of(session, project_id, listing, images.after, MOST + 1)
        else:
            found = sorted({number for number in images.image_ids if number > images.after})
    return found[:MOST], len(found) > MOST


def _alike(image_ids: Sequence[int], before: Sequence[Was]) -> Mapping[Was, Sequence[int]]:
    """The numbers of images by what was so of them before."""
    found: dict[Was, list[int]] = defaultdict(list)
    for image_id, was in zip(image_ids, before, strict=True):
        found[was].append(image_id)
    return found


def _inside(image: Image, project_id: int) -> Image:
    if image.project_id != project_id:
        raise NotFound.row("image", image.id)
    return image
