"""What an import would add, without writing anything; it decides as ``writing.Writer`` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from uuid import UUID, uuid5

from limner.formats.coco.report import SkipList
from limner.formats.coco.writing import Checked, Result, contents_of, digest, taken_uids
from limner.store import Database
from limner.store.categories import list_categories

BATCH = 400  # annotations whose uids are asked for at once


class Preview:
    """Counts annotations that are not there yet.

    Attributes:
        result: what would be added.
    """

    def __init__(self, database: Database, project_id: int, skipped: SkipList) -> None:
        self._database = database
        self._skipped = skipped
        self.result = Result()
        with database.read() as session:
            self._known: dict[str | None, int | None] = {c.name: c.id for c in list_categories(session, project_id)}
        self._known[None] = None
        self._ids = dict(self._known)  # with those that would be created, below 0

    def missing(self, names: Iterable[str]) -> int:
        """How many of these categories the project lacks."""
        return len({name for name in names if name not in self._known})

    def see_all(self, annotations: Iterator[Checked]) -> None:
        """Count annotations, sorted by image, those with a uid first."""
        for image_id, some in groupby(annotations, lambda checked: checked.image_id):
            with self._database.read() as session:
                present = contents_of(session, image_id)
            uids: set[str] = set()
            while batch := list(islice(some, BATCH)):
                self._see(image_id, batch, present, uids)

    def _see(self, image_id: int, batch: list[Checked], present: set[bytes], uids: set[str]) -> None:
        given = [checked.uid for checked in batch if checked.uid is not None]
        own = {uid: str(uuid5(UUID(uid), f"image {image_id}")) for uid in given}
        with self._database.read() as session:
            taken = taken_uids(session, [*given, *own.values()])
        for checked in batch:
            category_id = self._ids.setdefault(checked.category, -1 - len(self._ids))
            content = digest(category_id, checked.iscrowd, checked.mask["counts"])
            if checked.uid is None:
                there = "the same annotation is there already" if content in present else None
            else:
                there_id = checked.uid
                if taken.get(there_id, (image_id, True))[0] != image_id:
                    there_id = own[there_id]  # on another image: it gets a uid of its own
                is_there = there_id in uids or taken.get(there_id) == (image_id, False)
                there = "it is there already" if is_there else None
                uids.add(there_id)
            present.add(content)
            if there is not None:
                self._skipped.add("annotation", checked.name, there)
            else:
                self.result.images.add(image_id)
                self.result.by_category[checked.category] += 1
