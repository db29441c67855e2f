"""What somebody can take back on an image, read from its history: their steps, whatever browser they were made in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Edit

MAX_EDITS = 200  # that are looked at, the newest
MAX_CHARACTERS = 2_000_000  # of the masks among them
EDITS_AT_ONCE = 20

Fields = Mapping[str, Any]
_INVERSE = {"create": "delete", "restore": "delete", "delete": "restore", "update": "update"}
_INVERSE |= {kind: kind for kind in ("verdict", "exhaustivity")}  # said otherwise
_CONTENT = ("category_id", "segmentation", "iscrowd", "attributes", "provenance", "position")


@dataclass(frozen=True)
class PastOperation:
    """One operation of a step, with what it changed.

    Attributes:
        kind: create, update, delete, restore, verdict or exhaustivity.
        uid: of the annotation; of the suggestion for a verdict; of what was said for exhaustivity.
        before: the fields that it changed as they were; None where there was no annotation.
        after: the same as they are since; None where there is no annotation any more.
    """

    kind: str
    uid: str
    before: Fields | None
    after: Fields | None

    @property
    def subject(self) -> object:
        """What it is about: the annotation or suggestion, or the category."""
        return self.after["category_id"] if self.kind == "exhaustivity" and self.after else self.uid


@dataclass(frozen=True)
class PastStep:
    """Operations that were done at once, in their order."""

    id: str
    operations: tuple[PastOperation, ...]


@dataclass(frozen=True)
class PastSteps:
    """Steps of one person on an image.

    Attributes:
        done: those that can be taken back, the newest last.
        undone: those that were taken back and can be done again, the first to be done again last.
        ended_by: (number of a person or None, when) of the change by others behind which no step can be taken back;
            None when nothing of this person's was changed by others.
    """

    done: Sequence[PastStep]
    undone: Sequence[PastStep]
    ended_by: tuple[int | None, datetime] | None


def steps_of(session: Session, image_id: int, user_id: int) -> PastSteps:
    """The steps of a person on an image.

    Only operations that name their step count. A step that touches what others, scripts or imports have changed since
    can no longer be taken back, nor can those before it.

    Args:
        session: where to look.
        image_id: the image.
        user_id: whose steps.
    """
    edits, whole = _newest_edits(session, image_id)
    fold = _Fold(user_id, _content_before(session, image_id, edits))
    for edit in edits:
        fold.add(edit)
    done = fold.done if whole else fold.done[1:]  # operations of the oldest may be missing
    return PastSteps([step for step in done if _changes_something(step)], fold.undone, fold.ended_by)


class _Fold:
    """Goes through the edits from the oldest to the newest."""

    def __init__(self, user_id: int, content: dict[str, dict[str, Any]]) -> None:
        self._user_id = user_id
        self._content = content
        self.done: list[PastStep] = []
        self.undone: list[PastStep] = []
        self.ended_by: tuple[int | None, datetime] | None = None

    def add(self, edit: Edit) -> None:
        operation = self._operation(edit)
        step = edit.payload.get("step")
        if edit.user_id != self._user_id or step is None:
            self._changed_by_others(edit, operation)
        elif step["way"] == "undone" and _takes_back(operation, step["id"], self.done, self.undone):
            _move(step["id"], self.done, self.undone)
        elif step["way"] == "redone" and _does_again(operation, step["id"], self.undone, self.done):
            _move(step["id"], self.undone, self.done)
        else:
            self._did(step["id"], operation)

    def _did(self, step_id: str, operation: PastOperation) -> None:
        self.undone.clear()
        if self.done and self.done[-1].id == step_id:
            self.done[-1] = PastStep(step_id, (*self.done[-1].operations, operation))
        else:
            self.done.append(PastStep(step_id, (operation,)))

    def _changed_by_others(self, edit: Edit, operation: PastOperation) -> None:
        for steps in (self.done, self.undone):
            touching = [
                index
                for index, step in enumerate(steps)
                if operation.subject in (each.subject for each in step.operations)
            ]
            if touching:
                del steps[: touching[-1] + 1]
                self.ended_by = (edit.user_id, edit.created)

    def _operation(self, edit: Edit) -> PastOperation:
        kind, uid = edit.kind, edit.uid
        if kind == "verdict":
            refused = edit.payload["refused"]
            return PastOperation(kind, uid, {"refused": not refused}, {"refused": refused})
        if kind == "exhaustivity":
            category = {"category_id": edit.payload["category_id"]}
            was, said = edit.payload["before"], edit.payload["exhaustive"]
            return PastOperation(kind, uid, {**category, "exhaustive": was}, {**category, "exhaustive": said})
        known = self._content.setdefault(uid, {})
        if kind == "update":
            changes = edit.payload["changes"]
            before = {name: known[name] for name in changes if name in known}
            known.update(changes)
            return PastOperation(kind, uid, before, changes)
        if kind == "create":
            known.update({name: edit.payload[name] for name in _CONTENT if name in edit.payload})
        return (
            PastOperation(kind, uid, dict(known), None)
            if kind == "delete"
            else PastOperation(kind, uid, None, dict(known))
        )


def _takes_back(operation: PastOperation, step_id: str, done: list[PastStep], undone: list[PastStep]) -> bool:
    """Whether an operation that is said to take a step back does: behind a fast brush, masks are sent as one."""
    step = next((steps[-1] for steps in (done, undone) if steps and steps[-1].id == step_id), None)
    return step is not None and any(
        each.uid == operation.uid and _INVERSE[each.kind] == operation.kind and each.before == operation.after
        for each in step.operations
    )


def _does_again(operation: PastOperation, step_id: str, undone: list[PastStep], done: list[PastStep]) -> bool:
    step = next((steps[-1] for steps in (undone, done) if steps and steps[-1].id == step_id), None)
    return step is not None and any(
        each.uid == operation.uid and each.after == operation.after for each in step.operations
    )


def _move(step_id: str, source: list[PastStep], target: list[PastStep]) -> None:
    """The first operation of a step moves all of it."""
    if source and source[-1].id == step_id:
        target.append(source.pop())


def _changes_something(step: PastStep) -> bool:
    return any(each.before != each.after for each in step.operations)


def _newest_edits(session: Session, image_id: int) -> tuple[list[Edit], bool]:
    """The newest edits of annotations and suggestions, the oldest first, and whether these are all."""
    found = session.scalars(
        select(Edit)
        .where(Edit.image_id == image_id, Edit.kind != "mark")
        .order_by(Edit.revision.desc())
        .limit(MAX_EDITS + 1)
        .execution_options(yield_per=EDITS_AT_ONCE)
    )
    edits: list[Edit] = []
    characters = 0
    for edit in found:
        fields = edit.payload.get("changes", edit.payload)
        characters += len(fields["segmentation"]["counts"]) if "segmentation" in fields else 0
        if len(edits) == MAX_EDITS or characters > MAX_CHARACTERS:
            found.close()
            return edits[::-1], False
        edits.append(edit)
    return edits[::-1], True


def _content_before(session: Session, image_id: int, edits: Sequence[Edit]) -> dict[str, dict[str, Any]]:
    """What annotations were before the first of these edits, for those that were not created by one of them."""
    first: dict[str, Edit] = {}
    for edit in edits:
        first.setdefault(edit.uid, edit)
    content = {}
    for uid, edit in first.items():
        if edit.kind not in ("create", "verdict", "exhaustivity"):
            content[uid] = _content_at(session, image_id, uid, edit.revision)
    return content


def _content_at(session: Session, image_id: int, uid: str, before: int) -> dict[str, Any]:
    """From the newest edit backwards until every field is known: an annotation may have many masks behind it."""
    content: dict[str, Any] = {}
    older = session.scalars(
        select(Edit)
        .where(Edit.uid == uid, Edit.image_id == image_id, Edit.revision < before)
        .order_by(Edit.revision.desc())
        .execution_options(yield_per=EDITS_AT_ONCE)
    )
    for edit in older:
        fields = edit.payload.get("changes", edit.payload)
        content = {name: fields[name] for name in _CONTENT if name in fields} | content
        if len(content) == len(_CONTENT):
            break
    older.close()
    return content
