"""The images of a project: listed, looked at, added; where each stands with people and with the encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy.orm import Session

from limner.access import (
    Actor,
    Permission,
    access_image,
    access_project,
    knows_gold,
    permissions_in,
    permissions_on,
)
from limner.access.permissions import IN_PROJECTS
from limner.encoding.states import EmbeddingState, Target
from limner.service.ingest import ingest_image
from limner.service.models import key_in
from limner.service.wiring import Services
from limner.store import listing as listed
from limner.store.copies import home_of, original_of
from limner.store.embeddings import encoded_among
from limner.store.folders import folders_of
from limner.store.marks import marks_of
from limner.store.ranking import RankedImage, ranks_of
from limner.store.tables import Image
from limner.store.tags import count_tags, tags_of
from limner.store.work import works_of
from limner.tracing import log_step
from limner.vocabulary.events import ImageMark, ImageWork
from limner.vocabulary.listing import Listing
from limner.vocabulary.states import OverlapState

EVERYTHING = Listing()


@dataclass(frozen=True)
class ImageInfo:
    """An image, how far the work on it is, who works on it, and whether the encoder has been over it."""

    row: Image
    project_id: int  # of a copy that of its original
    mark: ImageMark
    work: ImageWork
    embedding: EmbeddingState
    is_gold: bool  # as far as whoever asks may know
    overlap: OverlapState | None  # likewise
    rank: RankedImage | None  # why it has its place in the order of what teaches most, if it has one
    tags: Sequence[str]


@dataclass(frozen=True)
class ImagePage:
    """Some images of a project, the cursor of the next page, if there is one, and how many there are, if asked for."""

    images: Sequence[ImageInfo]
    next: str | None
    total: int | None


@dataclass(frozen=True)
class ImagePlace:
    """An image among those of its project that are listed.

    Attributes:
        position: from 1; where it would stand if it is not listed itself.
        next_waiting_id: the first one after it that is waiting, going round to the beginning.
        permissions: what somebody may do with it.
    """

    image: ImageInfo
    position: int
    previous_id: int | None
    next_id: int | None
    next_waiting_id: int | None
    permissions: frozenset[Permission]


@dataclass(frozen=True)
class AddedImage:
    """An image, whether it is new to the project, and sentences that whoever brought the file should read."""

    image: ImageInfo
    created: bool
    notes: Sequence[str]


def list_images(
    context: Services,
    actor: Actor,
    project_id: int,
    after: str | None,
    limit: int,
    listing: Listing = EVERYTHING,
    *,
    skip: int = 0,
    counted: bool = False,
) -> ImagePage:
    """A page of the images of a project.

    Args:
        context: the services.
        actor: who asks.
        project_id: whose images.
        after: the cursor that the page before gave, or an image's number; None starts at the beginning.
        limit: most images to return, ≥ 1.
        listing: which, and in which order.
        skip: so many images are left out before the first one.
        counted: whether to say how many are listed in all.

    Raises:
        NotFound: there is no such project that the actor may see.
        InvalidInput: the cursor is none.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        listing, blind = seen_by(session, actor, project_id, listing)
        page = listed.page_images(session, project_id, after, limit, listing, skip)
        total = listed.count_images(session, project_id, listing) if counted else None
        return ImagePage(_described(context, session, page.images, blind=blind), page.next, total)


def get_image(context: Services, actor: Actor, image_id: int, listing: Listing = EVERYTHING) -> ImagePlace:
    """An image and its neighbours among those that are listed.

    Raises:
        NotFound: there is none that the actor may see.
    """
    with context.database.read() as session:
        row = access_image(session, actor, image_id, Permission.VIEW)
        listed_as = original_of(session, row)
        listing, blind = seen_by(session, actor, listed_as.project_id, listing)
        previous_id, next_id = listed.neighbours(session, listed_as, listing)
        next_waiting_id = listed.next_waiting(session, listed_as, listing)
        position = listed.position_of(session, listed_as, listing)
        image = _described(context, session, [row], blind=blind)[0]
        permissions = permissions_on(session, actor, row) & IN_PROJECTS
        target = Target(row.sha256, key_in(context, session, row.project_id).model_sha256)
    if image.embedding.state == "none":  # its blob may be there though nobody wrote that down; lists do not look so far
        image = replace(image, embedding=context.encoder.state(target))
    return ImagePlace(image, position, previous_id, next_id, next_waiting_id, permissions)


def list_folders(context: Services, actor: Actor, project_id: int, limit: int) -> Sequence[tuple[str, int]]:
    """(path, how many images are right in it) of the folders of a project that have any, by path; at most so many.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return folders_of(session, project_id, limit)


def list_tags(context: Services, actor: Actor, project_id: int, limit: int) -> Sequence[tuple[str, int]]:
    """(tag, how many images have it) of a project, in alphabetical order; at most so many.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        listing, _ = seen_by(session, actor, project_id, EVERYTHING)
        return count_tags(session, project_id, listing, limit)


def image_row(context: Services, actor: Actor, image_id: int) -> Image:
    """What is stored of an image, for whoever wants its files.

    Raises:
        NotFound: there is none that the actor may see.
    """
    with context.database.read() as session:
        return access_image(session, actor, image_id, Permission.VIEW)


def add_image(
    context: Services, actor: Actor, project_id: int, file_name: str, read: Callable[[], bytes], sha256: str
) -> AddedImage:
    """Add an image file to a project, as :func:`limner.service.ingest.ingest_image` does.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not add images to it.
        InvalidImage, ImageTooLarge, StorageFull: nothing was stored.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
    ingested = ingest_image(context, project_id, file_name, read, sha256)
    log_step("added", sha256, image=ingested.image.id, project=project_id)
    with context.database.read() as session:
        image = _described(context, session, [ingested.image], blind=True)[0]
    return AddedImage(image, ingested.created, ingested.notes)


def seen_by(session: Session, actor: Actor, project_id: int, listing: Listing) -> tuple[Listing, bool]:
    """A list as it is for somebody, and whether they must not learn which images are gold."""
    blind = not knows_gold(permissions_in(session, actor, project_id))
    return replace(listing, person=actor.user_id, blind=blind), blind


def _described(context: Services, session: Session, rows: Sequence[Image], *, blind: bool) -> list[ImageInfo]:
    """Images of one project with all that is shown of them, in as many queries for many as for one."""
    if not rows:
        return []
    key = key_in(context, session, rows[0].project_id)
    encoded = encoded_among(session, [row.sha256 for row in rows], key)
    open_ones = {Target(row.sha256, key.model_sha256) for row in rows if row.sha256 not in encoded}
    states = {target.image_sha256: state for target, state in context.encoder.queued(open_ones).items()}
    states |= dict.fromkeys(encoded, EmbeddingState("ready"))
    marks, works, ranks = marks_of(session, rows), works_of(session, rows), ranks_of(session, rows)
    home, tags = home_of(session, rows[0]), tags_of(session, rows)
    return [
        ImageInfo(
            row,
            home,
            marks[row.id],
            works[row.id],
            states.get(row.sha256, EmbeddingState("none")),
            row.is_gold and not blind,
            None if blind else cast("OverlapState | None", row.overlap),
            ranks.get(row.id),
            tags[row.id],
        )
        for row in rows
    ]
