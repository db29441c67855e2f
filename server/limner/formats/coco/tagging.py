"""The tags of a COCO file's images (``images[].tags``, no part of COCO) onto the images of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sqlalchemy import select

from limner.errors import InvalidInput
from limner.formats.coco.report import SkipList
from limner.store import Database
from limner.store.tables import Image
from limner.store.tags import MAX_TAGS, add_tag, announce_tags, tags_of
from limner.vocabulary.names import clean_tag, shown

MAX_BATCH = 200  # images in one transaction


def usable_tags(file_name: str, tags: Iterable[object], skipped: SkipList) -> Sequence[str]:
    """Those of an entry's tags that can be kept, each once; the others are told."""
    found: dict[str, None] = {}
    for tag in tags:
        try:
            if not isinstance(tag, str):
                raise InvalidInput(f"The tag {shown(tag)} is no text.", hint="Tags are words.")
            kept = clean_tag(tag)
        except InvalidInput as error:
            skipped.add("tag", f"of {file_name}", f"{error.message} {error.hint}")
            continue
        if kept not in found and len(found) >= MAX_TAGS:
            skipped.add("tag", f"of {file_name}", f"an image cannot have more than {MAX_TAGS} tags")
            break
        found[kept] = None
    return list(found)


def put_tags(
    database: Database, project_id: int, tags: Mapping[int, Sequence[str]], skipped: SkipList, *, preview: bool
) -> int:
    """Give images, by number, the tags that they lack, in short transactions; how many that are.

    With ``preview`` nothing is written.
    """
    count, rest = 0, iter(sorted(tags))
    pace, courtesy = database.pace(MAX_BATCH), database.courtesy()
    while numbers := list(islice(rest, pace.size)):
        if preview:
            count += _missing(database, numbers, tags)
            continue
        with database.write(bulk=True) as session, pace.turn():
            there = session.scalars(select(Image).where(Image.id.in_(numbers), Image.project_id == project_id)).all()
            changed: list[int] = []
            for image in there:
                added = 0
                for tag in tags[image.id]:
                    try:
                        added += add_tag(session, image.id, tag)
                    except InvalidInput as error:
                        skipped.add("tag", f"of {image.file_name}", error.message)
                        break
                count += added
                changed += [image.id] if added else []
            announce_tags(session, project_id, changed)
        courtesy.pause()
    return count


def _missing(database: Database, numbers: Sequence[int], tags: Mapping[int, Sequence[str]]) -> int:
    with database.read() as session:
        known = tags_of(session, session.scalars(select(Image).where(Image.id.in_(numbers))).all())
    return sum(
        min(len(set(tags[number]) - set(known[number])), MAX_TAGS - len(known[number]))
        for number in numbers
        if number in known
    )
