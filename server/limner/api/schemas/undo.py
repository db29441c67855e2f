"""What the person who asks can take back on an image."""

from __future__ import annotations

from typing import Literal, cast
from uuid import UUID

from limner.api.schemas.base import Answer
from limner.service.undo import OwnSteps, PastOperation, PastStep
from limner.vocabulary.events import Timestamp
from limner.vocabulary.operations import Changes

Kind = Literal["create", "update", "delete", "restore", "verdict", "exhaustivity"]


class SaidExhaustivity(Answer):
    """What is said of a category: whether all of it are annotated (null: nobody knows)."""

    category_id: int
    exhaustive: bool | None


class StepOperation(Answer):
    """One operation of a step.

    ``fields`` are what an annotation gets by taking the step back or, of one that was taken back, by doing it again;
    null where it gets nothing new. ``refused`` is the same of a verdict on a suggestion, and ``exhaustivity`` of what
    was said of a category, null of anything else.
    """

    kind: Kind
    uid: UUID
    fields: Changes | None
    refused: bool | None
    exhaustivity: SaidExhaustivity | None

    @classmethod
    def of(cls, operation: PastOperation, *, is_done: bool) -> StepOperation:
        """As it is told to clients."""
        fields = operation.before if is_done else operation.after
        if operation.kind == "verdict":
            refused = fields["refused"] if fields else None
            return cls(kind="verdict", uid=UUID(operation.uid), fields=None, refused=refused, exhaustivity=None)
        if operation.kind == "exhaustivity":
            said = SaidExhaustivity.model_validate(fields)
            return cls(kind="exhaustivity", uid=UUID(operation.uid), fields=None, refused=None, exhaustivity=said)
        changes = Changes.model_validate(fields) if fields else None
        kind, uid = cast(Kind, operation.kind), UUID(operation.uid)
        return cls(kind=kind, uid=uid, fields=changes, refused=None, exhaustivity=None)


class UndoStep(Answer):
    """Operations that were done at once, in their order, and are taken back at once."""

    id: UUID
    operations: list[StepOperation]

    @classmethod
    def of(cls, step: PastStep, *, is_done: bool) -> UndoStep:
        """As it is told to clients."""
        operations = [StepOperation.of(each, is_done=is_done) for each in step.operations]
        return cls(id=UUID(step.id), operations=operations)


class EndedBy(Answer):
    """The change behind which nothing can be taken back: by whom (null: nobody is known) and when."""

    by: str | None
    at: Timestamp


class UndoSteps(Answer):
    """Own steps: ``done`` has the newest last, ``undone`` the one that is done again first last."""

    done: list[UndoStep]
    undone: list[UndoStep]
    ended_by: EndedBy | None

    @classmethod
    def of(cls, own: OwnSteps) -> UndoSteps:
        """As they are told to clients."""
        ended = own.steps.ended_by
        return cls(
            done=[UndoStep.of(step, is_done=True) for step in own.steps.done],
            undone=[UndoStep.of(step, is_done=False) for step in own.steps.undone],
            ended_by=None if ended is None else EndedBy(by=own.ended_by_name, at=ended[1]),
        )
