"""Checked annotations into the store, each of them once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID, uuid4, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.formats.coco.report import SkipList
from limner.store import Database
from limner.store.annotations import annotations_of
from limner.store.images import get_image, lock_image
from limner.store.operation import CreateOperation, Operation, RestoreOperation, UpdateOperation
from limner.store.operations import announce_annotations, apply_operations
from limner.store.tables import Annotation, Image
from limner.vocabulary.rle import Rle

CategoryIds = Mapping[str | None, int | None]
_Taken = dict[str, tuple[int, bool]]  # uid -> image, and whether the annotation is deleted


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


class Writer:
    """Adds annotations that are not there yet.

    Attributes:
        images: ids of those that got annotations.
        added: number of annotations that were added or restored.
    """

    def __init__(self, database: Database, user_id: int | None, category_ids: CategoryIds, skipped: SkipList) -> None:
        self._database = database
        self._user_id = user_id
        self._category_ids = category_ids
        self._skipped = skipped
        self.images: set[int] = set()
        self.added = 0
        self._waiting: list[tuple[str, Operation]] = []

    def write(self, batch: Sequence[Checked]) -> None:
        """Add annotations in one transaction, and tell the pages about the images that changed."""
        by_image: dict[int, list[Checked]] = defaultdict(list)
        for checked in batch:
            by_image[checked.image_id].append(checked)
        with self._database.write() as session:
            taken = _taken(session, [checked.uid for checked in batch if checked.uid is not None])
            changed = [image_id for image_id, some in by_image.items() if self._add(session, image_id, some, taken)]
            for image_id in changed:
                announce_annotations(session, get_image(session, image_id))
        self.images.update(changed)

    def _add(self, session: Session, image_id: int, batch: Sequence[Checked], taken: _Taken) -> bool:
        """Add annotations to one image; whether there was anything to add."""
        if session.get(Image, image_id) is None:
            for checked in batch:
                self._skipped.add("annotation", checked.name, "the image was deleted meanwhile")
            return False
        before = self.added
        for checked in batch:
            if checked.uid is not None:
                self._add_known(session, checked, UUID(checked.uid), taken)
        self._add_unknown(session, image_id, [checked for checked in batch if checked.uid is None])
        self._apply_waiting(session, image_id)
        return self.added > before

    def _add_known(self, session: Session, checked: Checked, uid: UUID, taken: _Taken) -> None:
        """Add an annotation that has a uid, unless it is there."""
        image_id, deleted = taken.get(str(uid), (None, False))
        if image_id is None:
            self._queue(self._creation(checked, uid))
        elif image_id != checked.image_id:
            own = uuid5(uid, f"image {checked.image_id}")
            if str(own) not in taken:
                taken.update(_taken(session, [str(own)]))
            self._add_known(session, checked, own, taken)
        elif deleted:
            self._restore(checked, uid)
        else:
            self._skipped.add("annotation", checked.name, "it is there already")
        taken[str(uid)] = (checked.image_id if image_id is None else image_id, False)

    def _add_unknown(self, session: Session, image_id: int, batch: Sequence[Checked]) -> None:
        """Add annotations that have no uid, unless the image has the same."""
        if not batch:
            return
        self._apply_waiting(session, image_id)  # those with a uid count as present
        present = annotations_of(session, image_id).annotations
        contents = {(state.category_id, state.iscrowd, state.segmentation["counts"]) for state in present}
        for checked in batch:
            content = (self._category_ids[checked.category], checked.iscrowd, checked.mask["counts"])
            if content in contents:
                self._skipped.add("annotation", checked.name, "the same annotation is there already")
            else:
                self._queue(self._creation(checked, uuid4()))
                contents.add(content)

    def _restore(self, checked: Checked, uid: UUID) -> None:
        """Bring back a deleted annotation as the file has it."""
        self._queue(RestoreOperation(kind="restore", uid=uid))
        changes = self._creation(checked, uid).model_dump(exclude={"kind", "uid", "position"})
        update = UpdateOperation.model_validate({"kind": "update", "uid": uid, "changes": changes})
        self._queue(update, counts=False)

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

    def _queue(self, operation: Operation, *, counts: bool = True) -> None:
        """Put an operation on the image in hand behind those that wait; all are applied together."""
        self._waiting.append((str(uuid4()), operation))
        self.added += counts

    def _apply_waiting(self, session: Session, image_id: int) -> None:
        if self._waiting:
            apply_operations(session, lock_image(session, image_id), self._waiting, user_id=self._user_id)
            self._waiting.clear()


def _taken(session: Session, uids: Sequence[str]) -> _Taken:
    rows = session.execute(
        select(Annotation.uid, Annotation.image_id, Annotation.deleted).where(Annotation.uid.in_(uids))
    )
    return {uid: (image_id, deleted is not None) for uid, image_id, deleted in rows}
