"""Checked annotations into the store, each of them once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from itertools import groupby, islice
from typing import Any, Self
from uuid import UUID, uuid4, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.formats.coco.report import SkipList
from limner.store import Database
from limner.store.operations import Prepared, announce_annotations, apply_operations, prepare
from limner.store.tables import Annotation, Image
from limner.vocabulary.operations import (
    CreateOperation,
    Operation,
    RestoreOperation,
    UpdateOperation,
    body_sha256,
)
from limner.vocabulary.rle import Rle

MAX_BATCH = 400  # annotations in one transaction

CategoryIds = Mapping[str | None, int | None]
Taken = dict[str, tuple[int, bool]]  # uid -> image, and whether the annotation is deleted


@dataclass
class _Present:
    """What an image has at a revision: digests of category, crowd flag and mask."""

    image_id: int
    revision: int
    contents: set[bytes]


@dataclass(frozen=True)
class Checked:
    """An annotation that fits its image.

    Attributes:
        name: for messages.
        image_id: in the project.
        category: name, or None.
        mask: canonical RLE of the image's size.
    """

    name: str
    image_id: int
    category: str | None
    mask: Rle
    iscrowd: int
    uid: str | None
    attributes: dict[str, Any]
    provenance: dict[str, Any] | None

    def to_json(self) -> bytes:
        """As one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> Self:
        """Back from :meth:`to_json`."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class _Ready:
    """An annotation with the operation that creates it, checked."""

    checked: Checked
    creation: CreateOperation
    prepared: Prepared


@dataclass
class Result:
    """What is added, or would be: images (ids) that get annotations, and how many annotations of each category."""

    images: set[int] = field(default_factory=set)
    by_category: Counter[str | None] = field(default_factory=Counter)

    @property
    def added(self) -> int:
        """Number of annotations."""
        return self.by_category.total()


class Writer:
    """Adds annotations that are not there yet, in short transactions.

    Attributes:
        result: what was added or restored.
    """

    def __init__(self, database: Database, user_id: int | None, category_ids: CategoryIds, skipped: SkipList) -> None:
        self._database = database
        self._user_id = user_id
        self._category_ids = category_ids
        self._skipped = skipped
        self.result = Result()
        self._waiting: list[tuple[str, Operation]] = []
        self._prepared: dict[str, Prepared] = {}  # of those, by operation id
        self._present: _Present | None = None  # of the image in hand

    def write_all(self, annotations: Iterator[Checked]) -> None:
        """Add annotations, sorted by image, and tell the pages about the images that changed."""
        pace, courtesy = self._database.pace(MAX_BATCH), self._database.courtesy()
        while batch := list(islice(annotations, pace.size)):
            ready = [self._ready(checked) for checked in batch]
            if batch[0].uid is None:  # what is there is looked for among all that the image has
                with self._database.read() as session:  # of a large image it takes longer than others should wait
                    self._see(session, batch[0].image_id)
            with pace.turn():
                self._write(ready)
            courtesy.pause()

    def _ready(self, checked: Checked) -> _Ready:
        """All that can be done before others have to wait."""
        creation = self._creation(checked, UUID(checked.uid) if checked.uid else uuid4())
        return _Ready(checked, creation, prepare(checked.image_id, creation, *checked.mask["size"]))

    def _write(self, batch: Sequence[_Ready]) -> None:
        with self._database.write(bulk=True) as session:
            taken = taken_uids(session, [ready.checked.uid for ready in batch if ready.checked.uid is not None])
            changed = [
                image
                for image_id, some in groupby(batch, lambda ready: ready.checked.image_id)
                if (image := self._add(session, image_id, list(some), taken)) is not None
            ]
            for image in changed:
                announce_annotations(session, image)
        self.result.images.update(image.id for image in changed)

    def _add(self, session: Session, image_id: int, batch: Sequence[_Ready], taken: Taken) -> Image | None:
        """Add annotations to one image; the image when there was anything to add."""
        image = session.scalar(select(Image).where(Image.id == image_id).with_for_update())
        if image is None:
            for ready in batch:
                self._skipped.add("annotation", ready.checked.name, "the image was deleted meanwhile")
            return None
        before = self.result.added
        for ready in batch:
            if ready.checked.uid is not None:
                self._add_known(session, ready, taken)
        self._apply_waiting(session, image)
        self._add_unknown(session, image, [ready for ready in batch if ready.checked.uid is None])
        self._apply_waiting(session, image)
        return image if self.result.added > before else None

    def _see(self, session: Session, image_id: int) -> _Present:
        """What the image has; read again only when somebody else has edited it since."""
        revision = session.scalar(select(Image.revision).where(Image.id == image_id)) or 0
        if self._present is None or (self._present.image_id, self._present.revision) != (image_id, revision):
            self._present = _Present(image_id, revision, contents_of(session, image_id))
        return self._present

    def _add_known(self, session: Session, ready: _Ready, taken: Taken) -> None:
        """Add an annotation that has a uid, unless it is there."""
        uid, wanted = ready.creation.uid, ready.checked.image_id
        image_id, deleted = taken.get(str(uid), (None, False))
        if image_id is None:
            self._queue(ready.creation, ready.prepared)
            self._count(ready.checked)
        elif image_id != wanted:
            own = uuid5(uid, f"image {wanted}")
            if str(own) not in taken:
                taken.update(taken_uids(session, [str(own)]))
            creation = ready.creation.model_copy(update={"uid": own})
            prepared = replace(ready.prepared, operation=creation, body_sha256=body_sha256(wanted, creation))
            self._add_known(session, _Ready(ready.checked, creation, prepared), taken)
        elif deleted:
            self._restore(ready.creation)
            self._count(ready.checked)
        else:
            self._skipped.add("annotation", ready.checked.name, "it is there already")
        taken[str(uid)] = (wanted if image_id is None else image_id, False)

    def _add_unknown(self, session: Session, image: Image, batch: Sequence[_Ready]) -> None:
        """Add annotations that have no uid, unless the image has the same."""
        if not batch:
            return
        present = self._see(session, image.id)  # those with a uid, just applied, count as present
        for ready in batch:
            checked = ready.checked
            content = digest(ready.creation.category_id, checked.iscrowd, checked.mask["counts"])
            if content in present.contents:
                self._skipped.add("annotation", checked.name, "the same annotation is there already")
            else:
                self._queue(ready.creation, ready.prepared)
                self._count(checked)
                present.contents.add(content)
        present.revision = image.revision + len(self._waiting)  # one edit each

    def _restore(self, creation: CreateOperation) -> None:
        """Bring back a deleted annotation as the file has it."""
        self._queue(RestoreOperation(kind="restore", uid=creation.uid))
        changes = creation.model_dump(exclude={"kind", "uid", "position"})
        update = UpdateOperation.model_validate({"kind": "update", "uid": creation.uid, "changes": changes})
        self._queue(update)

    def _creation(self, checked: Checked, uid: UUID) -> CreateOperation:
        return CreateOperation.model_validate(
            {
                "kind": "create",
                "uid": uid,
                "category_id": self._category_ids[checked.category],
                "segmentation": checked.mask,
                "iscrowd": checked.iscrowd,
                "attributes": checked.attributes,
                "provenance": checked.provenance,
            }
        )

    def _queue(self, operation: Operation, prepared: Prepared | None = None) -> None:
        """Put an operation on the image in hand behind those that wait; all are applied together."""
        operation_id = str(uuid4())
        self._waiting.append((operation_id, operation))
        if prepared is not None:
            self._prepared[operation_id] = prepared

    def _count(self, checked: Checked) -> None:
        self.result.by_category[checked.category] += 1

    def _apply_waiting(self, session: Session, image: Image) -> None:
        if self._waiting:
            apply_operations(session, image, self._waiting, user_id=self._user_id, prepared=self._prepared)
            self._waiting.clear()
            self._prepared.clear()


def taken_uids(session: Session, uids: Sequence[str]) -> Taken:
    """The annotations of these uids that there are, on whatever image."""
    rows = session.execute(
        select(Annotation.uid, Annotation.image_id, Annotation.deleted).where(Annotation.uid.in_(uids))
    )
    return {uid: (image_id, deleted is not None) for uid, image_id, deleted in rows}


def contents_of(session: Session, image_id: int) -> set[bytes]:
    """What annotations an image has, each as :func:`digest`."""
    columns = select(Annotation.category_id, Annotation.iscrowd, Annotation.counts)
    rows = session.execute(columns.where(Annotation.image_id == image_id, Annotation.deleted.is_(None)))
    return {digest(*row) for row in rows}


def digest(category_id: int | None, iscrowd: int, counts: str) -> bytes:
    """Two annotations of an image that agree in these are the same one."""
    return blake2b(f"{category_id} {iscrowd} {counts}".encode(), digest_size=16).digest()
