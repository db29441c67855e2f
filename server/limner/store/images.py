"""Images of a project: added, found, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.events import add_event
from limner.store.sampling import is_sampled
from limner.store.tables import Image, ImageRollup, Project
from limner.vocabulary.events import ImageEvent
from limner.vocabulary.listing import natural_key
from limner.vocabulary.names import distinct_file_name, shown

ATTEMPTS = 10  # to add an image while others add images of the same name


_IMAGE = select(Image).where(Image.id == bindparam("image_id"))
_LOCKED_IMAGE = _IMAGE.with_for_update().execution_options(populate_existing=True)


@dataclass(frozen=True)
class NewImage:
    """What is known about an uploaded file after it was decoded: (height, width) are those after orientation."""

    file_name: str
    width: int
    height: int
    sha256: str
    bytes: int
    format: str
    display_type: str
    pages: int = 1


def add_image(session: Session, project_id: int, new: NewImage) -> tuple[Image, bool]:
    """Add an image unless the project has these bytes. When it has another image of this name, a number is added to it.

    Returns:
        The image and whether it is new; its ``file_name`` may differ from that of ``new``.
    """
    overlap = "open" if is_sampled(session.get_one(Project, project_id), new.sha256) else None
    for _ in range(ATTEMPTS):
        known = find_by_sha256(session, project_id, new.sha256)
        if known is not None:
            return known, False
        file_name = free_file_name(session, project_id, new.file_name)
        image = Image(
            project_id=project_id,
            file_name=file_name,
            sort_name=natural_key(file_name),
            width=new.width,
            height=new.height,
            sha256=new.sha256,
            bytes=new.bytes,
            format=new.format,
            display_type=new.display_type,
            pages=new.pages,
            overlap=overlap,
        )
        try:
            with session.begin_nested():
                session.add(image)
        except (
            IntegrityError
        ):  # on PostgreSQL another transaction may have added the bytes, or taken the name, meanwhile
            continue
        add_event(session, ImageEvent(image_id=image.id, action="created"), project_id)
        return image, True
    raise _crowded(new.file_name)


def free_file_name(session: Session, project_id: int, name: str) -> str:
    """The name or, when an image of the project has it, the name with a number that makes it distinct.

    However many images are called alike, few numbers are tried: they double until one is free, and then halve back.
    """

    def taken(candidate: str) -> bool:
        found = select(Image.id).where(Image.project_id == project_id, Image.file_name == candidate)
        return session.scalar(found) is not None

    if not taken(name):
        return name
    low, high = 1, 2
    while taken(distinct_file_name(name, high)):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if taken(distinct_file_name(name, middle)) else (low, middle)
    return distinct_file_name(name, high)


def call_image(image: Image, name: str) -> None:
    """Give an image a name, and with it its place in the natural order."""
    image.file_name = name
    image.sort_name = natural_key(name)


def place_image(session: Session, image: Image, project_id: int, name: str) -> None:
    """Put an image into another project, under a name or, when an image there has it, under that with a number.

    Raises:
        Conflict: others took one name after the other meanwhile.
    """
    for _ in range(ATTEMPTS):
        try:
            with session.begin_nested():
                call_image(image, free_file_name(session, project_id, name))
                image.project_id = project_id
        except IntegrityError:  # on PostgreSQL another transaction may have taken the name meanwhile
            continue
        return
    raise _crowded(name)


def get_image(session: Session, image_id: int) -> Image:
    """The image with this number.

    Raises:
        NotFound: when there is none.
    """
    image = session.scalar(_IMAGE, {"image_id": image_id})
    if image is None:
        raise NotFound.row("image", image_id)
    return image


def lock_image(session: Session, image_id: int) -> Image:
    """The image, locked until the end of the transaction, so that edits to it queue up.

    It is read anew even if the session has it: what was read before the lock may be old.

    Raises:
        NotFound: when there is none.
    """
    image = session.scalar(_LOCKED_IMAGE, {"image_id": image_id})
    if image is None:
        raise NotFound.row("image", image_id)
    return image


def find_by_sha256(session: Session, project_id: int, sha256: str) -> Image | None:
    """The image of a project that was uploaded with exactly these bytes."""
    return session.scalar(select(Image).where(Image.project_id == project_id, Image.sha256 == sha256))


def delete_image(session: Session, image: Image) -> list[str]:
    """Delete an image for good, with its annotations and history. People's deletions go to the trash: ``store.trash``.

    Returns:
        Its hash when no other project uses its bytes, so that its blobs are no longer needed; otherwise nothing.
    """
    image_id, project_id, sha256, listed = image.id, image.project_id, image.sha256, image.trashed is None
    copies = select(Image.id).where(Image.copy_of == image_id)  # they go with it
    counted = or_(ImageRollup.image_id == image_id, ImageRollup.image_id.in_(copies))
    session.execute(update(ImageRollup).where(counted).values(gone=True).execution_options(synchronize_session=False))
    session.execute(delete(Image).where(or_(Image.id == image_id, Image.copy_of == image_id)))
    if listed:
        add_event(session, ImageEvent(image_id=image_id, action="deleted"), project_id)
    return [] if is_used(session, sha256) else [sha256]


def is_used(session: Session, sha256: str) -> bool:
    """Whether any project has an image of these bytes."""
    return session.scalar(select(Image.id).where(Image.sha256 == sha256).limit(1)) is not None


def places_of(session: Session, sha256s: Collection[str]) -> Mapping[str, Sequence[tuple[int, int]]]:
    """(project number, image number) wherever images of these bytes stand, by their hash."""
    found = select(Image.sha256, Image.project_id, Image.id).where(Image.sha256.in_(sha256s)).order_by(Image.id)
    places: dict[str, list[tuple[int, int]]] = {}
    for sha256, project_id, image_id in session.execute(found):
        places.setdefault(sha256, []).append((project_id, image_id))
    return places


def names_of(session: Session, project_id: int, sha256s: Collection[str]) -> Mapping[str, tuple[int, str]]:
    """(image number, file name) of a project's images of these bytes, by their hash."""
    found = select(Image.sha256, Image.id, Image.file_name)
    rows = session.execute(found.where(Image.project_id == project_id, Image.sha256.in_(sha256s)))
    return {sha256: (image_id, name) for sha256, image_id, name in rows}


def file_names_of(session: Session, image_ids: Collection[int]) -> Mapping[int, str]:
    """File names by the images' numbers; those that are gone are missing."""
    rows = session.execute(select(Image.id, Image.file_name).where(Image.id.in_(image_ids)))
    return {row.id: row.file_name for row in rows}


def _crowded(name: str) -> Conflict:
    return Conflict(f"Others are adding images called {shown(name)} at the same time.", hint="Try again.")
