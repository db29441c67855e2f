"""Images that come into other folders of their project: what they are called changes, nothing that is on them does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from limner.errors import Conflict
from limner.store.events import add_events
from limner.store.images import call_image, free_file_name
from limner.store.rollup import recount
from limner.store.tables import Image
from limner.vocabulary.events import ImageName, MovedEvent
from limner.vocabulary.names import in_folder
from limner.vocabulary.states import UNSETTLED


def move_image(session: Session, image: Image, folder: str) -> Sequence[Image]:
    """An image comes into another folder with the copies of it, and is to be counted there. Its revision stays.

    Args:
        session: of a writing transaction.
        image: locked; no copy.
        folder: as ``clean_folder`` gives it.

    Returns:
        The image and its copies; none: it is in that folder already.

    Raises:
        Conflict: another image of the project is called so.
        InvalidInput: the path would be too long.
    """
    name = in_folder(image.file_name, folder)
    if name == image.file_name:
        return ()
    if free_file_name(session, image.project_id, name) != name:
        raise _taken()
    copies = session.scalars(select(Image).where(Image.copy_of == image.id).order_by(Image.id).with_for_update()).all()
    try:
        with session.begin_nested():
            _call(image, name)
    except IntegrityError:  # on PostgreSQL another transaction may have taken the name meanwhile
        raise _taken() from None
    for copy in copies:
        _call(copy, free_file_name(session, copy.project_id, name))
        session.flush()
    return (image, *copies)


def announce_moves(session: Session, images: Iterable[Image]) -> None:
    """Tell pages what these images are called now.

    Of what some people are not to know it is only told that there is more: gold images, and those on whose copies
    people work. By its name they would know whose copy they have.
    """
    told: dict[int, list[ImageName]] = defaultdict(list)
    more: set[int] = set()
    for image in images:
        if image.copy_of is None and (image.is_gold or image.overlap in UNSETTLED):
            more.add(image.project_id)
        else:
            told[image.project_id].append(ImageName(image_id=image.id, file_name=image.file_name))
    events = [(MovedEvent(images=names), project_id) for project_id, names in told.items()]
    add_events(session, [*events, *((MovedEvent(images=[]), project_id) for project_id in sorted(more))])


def _call(image: Image, name: str) -> None:
    call_image(image, name)
    recount(image)


def _taken() -> Conflict:
    return Conflict(
        "Another image in that folder has the same name.", hint="Choose another folder, or move the other image first."
    )
