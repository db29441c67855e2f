"""Exhaustivity in COCO files, as LVIS v1 says it (Gupta et al. 2019), of every image:

- ``neg_category_ids``: categories that were looked for and of which there is no object;
- ``not_exhaustive_category_ids``: categories of which not all objects are annotated, as far as anybody knows.

A category of which an image has annotations, and that is not in the second list, is complete there. LVIS cannot tell
*not all* from *nobody has looked*: Limner lists the latter in ``unchecked_category_ids`` besides, which others ignore.
A project of which nobody has said anything is plain COCO, without these lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.formats.coco.report import SkipList
from limner.store import Database
from limner.store.categories import list_categories
from limner.store.exhaustivity import categories_on, known_of
from limner.store.operations import announce_annotations, apply_operations
from limner.store.tables import Image
from limner.store.turns import Courtesy
from limner.vocabulary.operations import ExhaustivityOperation

BATCH = 200  # images
NEGATIVE, NOT_EXHAUSTIVE, UNCHECKED = "neg_category_ids", "not_exhaustive_category_ids", "unchecked_category_ids"

Statements = Mapping[int, Mapping[str, bool]]  # image of the project -> category name -> whether all are annotated


def with_exhaustivity(
    session: Session, images: Iterable[Image], numbers: Mapping[int | None, int]
) -> Iterator[tuple[Image, Mapping[str, Sequence[int]]]]:
    """Images, each with the lists that its entry gets; ``numbers`` are those of categories in the file."""
    remaining = iter(images)
    while batch := list(islice(remaining, BATCH)):
        ids = [image.id for image in batch]
        known, present = known_of(session, ids), categories_on(session, ids)
        for image in batch:
            yield image, _lists(known.get(image.id, {}), present.get(image.id, frozenset()), numbers)


def _lists(
    known: Mapping[int, bool], present: Collection[int], numbers: Mapping[int | None, int]
) -> Mapping[str, Sequence[int]]:
    def numbered(category_ids: Iterable[int]) -> list[int]:
        return sorted(numbers[each] for each in category_ids)

    complete = {category for category, exhaustive in known.items() if exhaustive}
    lists = {
        NEGATIVE: numbered(complete.difference(present)),
        NOT_EXHAUSTIVE: numbered((known.keys() | set(present)) - complete),
        UNCHECKED: numbered(set(present) - known.keys()),
    }
    return lists if lists[UNCHECKED] else {name: lists[name] for name in (NEGATIVE, NOT_EXHAUSTIVE)}


@dataclass
class FileStatements:
    """What a file says of its images, collected while it is read.

    Attributes:
        lists: by the file's number of an image: what its entry lists.
        present: by the same: categories of which the file has annotations there.
        unsure: by the same: categories of which one was left out.
    """

    lists: dict[int, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    present: dict[int, set[int]] = field(default_factory=dict)
    unsure: dict[int, set[int]] = field(default_factory=dict)

    def see_image(self, number: int, fields: Mapping[str, object], skipped: SkipList) -> None:
        """An image's entry; lists that cannot be used are left out and named."""
        if NEGATIVE not in fields and NOT_EXHAUSTIVE not in fields:
            return
        lists = [_whole_numbers(fields.get(name)) for name in (NEGATIVE, NOT_EXHAUSTIVE, UNCHECKED)]
        if any(each is None for each in lists):
            why = f"{NEGATIVE}, {NOT_EXHAUSTIVE} or {UNCHECKED} is no list of category ids"
            skipped.add("statement", f"on exhaustivity of image {number}", why)
            return
        negative, not_exhaustive, unchecked = (each or () for each in lists)
        self.lists[number] = (negative, not_exhaustive, unchecked)

    def see_annotation(self, image: int, category: int | None, *, usable: bool) -> None:
        """An annotation of the file."""
        if image in self.lists and category is not None:
            (self.present if usable else self.unsure).setdefault(image, set()).add(category)

    def statements(
        self, found: Mapping[int, int], names: Mapping[int, str | None], skipped: SkipList
    ) -> dict[int, dict[str, bool]]:
        """What is to be written.

        Args:
            found: by the file's number of an image, the project's.
            names: of the file's categories, by their ids.
            skipped: takes what contradicts itself, or is of no category that the file lists.
        """
        result: dict[int, dict[str, bool]] = {}
        for number in sorted(self.lists.keys() & found.keys()):
            said = self._of_image(number, skipped)
            for category in sorted(said.keys() - names.keys()):
                skipped.add("statement", f"on exhaustivity of image {number}", f"the file lists no category {category}")
            named = {name: said[each] for each in said if (name := names.get(each)) is not None}
            if named:
                result.setdefault(found[number], {}).update(named)
        return result

    def _of_image(self, number: int, skipped: SkipList) -> dict[int, bool]:
        negative, not_exhaustive, unchecked = self.lists[number]
        present, unsure = self.present.get(number, set()), self.unsure.get(number, set())
        said = {category: True for category in (*negative, *present) if category not in unsure}
        said |= dict.fromkeys(not_exhaustive, False)
        for category in sorted(set(negative) & (present | unsure | set(not_exhaustive))):
            why = f"{NEGATIVE} says that there is none of category {category}, and something else says that there is"
            skipped.add("statement", f"on exhaustivity of image {number}", why)
            said.pop(category, None)
        return {category: all_of_it for category, all_of_it in said.items() if category not in unchecked}


def _whole_numbers(value: object) -> tuple[int, ...] | None:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(type(each) is int and abs(each) < 2**63 for each in value):
        return None
    return tuple(value)


def count_new(database: Database, project_id: int, statements: Statements) -> int:
    """How many of these statements would be written: those of which the project knows nothing yet."""
    with database.read() as session:
        ids = {category.name: category.id for category in list_categories(session, project_id)}
        return sum(
            name not in ids or ids[name] not in known
            for image_id, known in _known(session, statements)
            for name in statements[image_id]
        )


def write_statements(
    database: Database,
    category_ids: Mapping[str | None, int | None],
    statements: Statements,
    user_id: int | None,
) -> int:
    """Write statements, an image in a transaction; what people have said of an image stays. How many were written."""
    written, courtesy = 0, Courtesy(lambda: database.saves)
    for image_id, said in statements.items():
        with database.write(bulk=True) as session:
            image = session.scalar(select(Image).where(Image.id == image_id).with_for_update())
            if image is None:
                continue  # it was deleted meanwhile
            known = known_of(session, [image_id]).get(image_id, {})
            new = {category_ids[name]: value for name, value in said.items() if category_ids[name] not in known}
            operations = [
                (str(uuid4()), ExhaustivityOperation.model_validate({**_operation(category_id), "exhaustive": value}))
                for category_id, value in new.items()
            ]
            if operations:
                apply_operations(session, image, operations, user_id=user_id)
                announce_annotations(session, image)
                written += len(operations)
        courtesy.pause()
    return written


def _operation(category_id: int | None) -> dict[str, object]:
    return {"kind": "exhaustivity", "uid": uuid4(), "category_id": category_id}


def _known(session: Session, statements: Statements) -> Iterator[tuple[int, Mapping[int, bool]]]:
    remaining = iter(statements)
    while batch := list(islice(remaining, BATCH)):
        known = known_of(session, batch)
        yield from ((image_id, known.get(image_id, {})) for image_id in batch)
