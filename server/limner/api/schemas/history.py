"""The history of an image and its annotations."""

from __future__ import annotations

from typing import Annotated, Literal, cast
from uuid import UUID

from pydantic import Field

from limner.api.schemas.annotations import Annotation
from limner.api.schemas.base import Answer, Request
from limner.service.history import Change as ChangeFacts
from limner.service.history import History
from limner.vocabulary.events import Timestamp
from limner.vocabulary.states import ImageState

MAX_CHANGES = 100

ChangedField = Literal["attributes", "category_id", "iscrowd", "position", "provenance", "segmentation"]
Kind = Literal["create", "update", "delete", "restore", "mark", "exhaustivity"]


class HistoryQuery(Request):
    """Of what, and from where on."""

    uid: UUID | None = Field(default=None, description="of one annotation, deleted or not; without it: everything")
    before: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        default=None, description="`next` of the page before: only what led to an earlier revision"
    )
    limit: Annotated[int, Field(ge=1, le=MAX_CHANGES)] = 50


class ChangedMark(Answer):
    """What the image was marked as."""

    state: ImageState
    note: str


class ChangedExhaustivity(Answer):
    """What was said of a category: whether all of it are annotated (null: nobody knows)."""

    category_id: int
    exhaustive: bool | None


class Change(Answer):
    """One edit, and who made it (null: nobody is known).

    ``annotation`` is how it stood after the edit, and one that was deleted as it stood before; an update names in
    ``changed`` what it changed. ``mark`` is there when the image itself was marked, ``exhaustivity`` when something was
    said of a category, and then there is no ``uid``.
    """

    revision: int
    kind: Kind
    uid: UUID | None
    changed: list[ChangedField]
    by: str | None
    at: Timestamp
    annotation: Annotation | None
    mark: ChangedMark | None
    exhaustivity: ChangedExhaustivity | None

    @classmethod
    def of(cls, change: ChangeFacts, by: str | None) -> Change:
        """The edit as it is told to clients."""
        mark = None if change.mark is None else ChangedMark(state=cast(ImageState, change.mark[0]), note=change.mark[1])
        said = change.exhaustivity
        return cls(
            revision=change.revision,
            kind=cast(Kind, change.kind),
            uid=None if change.uid is None else UUID(change.uid),
            changed=cast(list[ChangedField], list(change.changed)),
            by=by,
            at=change.created,
            annotation=Annotation.of(change.annotation) if change.annotation else None,
            mark=mark,
            exhaustivity=None if said is None else ChangedExhaustivity(category_id=said[0], exhaustive=said[1]),
        )


class ImageHistory(Answer):
    """A page of edits, newest first; ``next`` is ``before`` of the page after it, null when this is the last one."""

    changes: list[Change]
    next: int | None

    @classmethod
    def of(cls, history: History) -> ImageHistory:
        """The history as it is told to clients."""
        names = history.names
        changes = [
            Change.of(each, None if each.user_id is None else names.get(each.user_id)) for each in history.changes
        ]
        return cls(changes=changes, next=history.next)
