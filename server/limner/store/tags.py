"""Tags: free words that people put on images, to find them again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import cast

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from limner.errors import InvalidInput
from limner.store.events import add_events
from limner.store.listing import conditions
from limner.store.tables import Image, ImageTag
from limner.store.upsert import insert_for
from limner.vocabulary.events import ImageTags, TagsEvent
from limner.vocabulary.listing import Listing
from limner.vocabulary.names import shown

MAX_TAGS = 50  # of one image
MOST_NAMED = 500  # images that are named at once; pages read their lists again when more have changed
_BATCH = 200  # images whose tags are read together
_TAGS = cast(Table, ImageTag.__table__)


def tags_of(session: Session, images: Sequence[Image]) -> Mapping[int, Sequence[str]]:
    """The tags of some images, ascending, by the image's number; a copy has those of its original."""
    originals = {image.id: image.copy_of or image.id for image in images}
    found = _by_image(session, set(originals.values()))
    return {number: found.get(original, []) for number, original in originals.items()}


def with_tags(session: Session, images: Iterable[Image]) -> Iterator[tuple[Image, Sequence[str]]]:
    """Images, each with its tags; a batch in memory at a time."""
    rest = iter(images)
    while batch := list(islice(rest, _BATCH)):
        tags = tags_of(session, batch)
        yield from ((image, tags[image.id]) for image in batch)


def count_tags(session: Session, project_id: int, listing: Listing, limit: int) -> Sequence[tuple[str, int]]:
    """(tag, how many of the images that are listed have it), by tag; at most so many."""
    count = select(ImageTag.tag, func.count()).join(Image, Image.id == ImageTag.image_id)
    count = count.where(*conditions(project_id, listing)).group_by(ImageTag.tag).order_by(ImageTag.tag).limit(limit)
    rows = session.execute(count)
    return sorted(((tag, images) for tag, images in rows), key=lambda each: (each[0].casefold(), each[0]))


def add_tag(session: Session, image_id: int, tag: str) -> bool:
    """Put a tag, as ``clean_tag`` gives it, on an image; whether it had it not yet.

    Raises:
        InvalidInput: the image has :data:`MAX_TAGS` already.
    """
    known = _by_image(session, {image_id}).get(image_id, [])
    if tag in known:
        return False
    if len(known) >= MAX_TAGS:
        raise InvalidInput(
            f"An image cannot have more than {MAX_TAGS} tags.", hint=f"Remove one first, then add {shown(tag)}."
        )
    row = insert_for(session, ImageTag).values(image_id=image_id, tag=tag).on_conflict_do_nothing()
    return bool(session.connection().execute(row).rowcount)


def remove_tag(session: Session, image_id: int, tag: str) -> bool:
    """Take a tag off an image; whether it had it."""
    gone = delete(_TAGS).where(_TAGS.c.image_id == image_id, _TAGS.c.tag == tag)
    return bool(session.connection().execute(gone).rowcount)


def announce_tags(session: Session, project_id: int, image_ids: Sequence[int]) -> None:
    """Tell pages which tags these images of a project have now."""
    if not image_ids:
        return
    told: list[ImageTags] = []
    if len(image_ids) <= MOST_NAMED:
        found = _by_image(session, set(image_ids))
        told = [ImageTags(image_id=number, tags=list(found.get(number, []))) for number in image_ids]
    add_events(session, [(TagsEvent(images=told), project_id)])


def _by_image(session: Session, image_ids: set[int]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = session.execute(select(_TAGS.c.image_id, _TAGS.c.tag).where(_TAGS.c.image_id.in_(image_ids)))
    for image_id, tag in rows:
        found[image_id].append(tag)
    for tags in found.values():
        tags.sort(key=lambda each: (each.casefold(), each))
    return found
