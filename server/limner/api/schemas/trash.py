"""The trash of a project, and what became of many images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from limner.api.schemas.base import Answer, ErrorInfo, Request
from limner.api.schemas.work import Number
from limner.service.trash import TrashedImage as TrashedInfo
from limner.service.trash import TrashPage
from limner.service.turns import MOST, Outcome
from limner.vocabulary.events import Timestamp

MAX_TRASH_PAGE = 200


class TrashQuery(Request):
    """A page of the trash."""

    limit: Annotated[int, Field(ge=1, le=MAX_TRASH_PAGE)] = 60
    skip: Annotated[int, Field(ge=0, le=100_000_000)] = 0


class TrashedImage(Answer):
    """An image in the trash: ``by`` put it there at ``trashed``; at ``until`` it is deleted for good."""

    id: int
    file_name: str
    width: int
    height: int
    annotation_count: int
    by: str | None
    trashed: Timestamp
    until: Timestamp

    @classmethod
    def of(cls, image: TrashedInfo) -> TrashedImage:
        """The image as it is told to clients."""
        row = image.row
        return cls(
            id=row.id,
            file_name=image.file_name,
            width=row.width,
            height=row.height,
            annotation_count=row.annotation_count,
            by=image.by,
            trashed=image.trashed,
            until=image.until,
        )


class TrashList(Answer):
    """Images in the trash, the last that came first, and how many there are in all."""

    images: list[TrashedImage]
    total: int

    @classmethod
    def of(cls, page: TrashPage) -> TrashList:
        """The page as it is told to clients."""
        return cls(images=[TrashedImage.of(each) for each in page.images], total=page.total)


class TrashChoice(Request):
    """Images in the trash, or, without numbers, all of them; ``after``: go on after this number."""

    image_ids: list[Number] | None = Field(max_length=MOST)
    after: Annotated[int, Strict(), Field(ge=0, lt=2**63)] = 0


class RefusedImages(Answer):
    """Images that were left as they are, and why; the sentence is that of the first of them."""

    error: ErrorInfo
    image_ids: list[int]


class ManyResult(Answer):
    """What became of many images, each for itself.

    ``done`` are those that were changed. With ``next`` not all were come to: ask the same again with
    ``after`` set to it.
    """

    done: list[int]
    refused: list[RefusedImages]
    next: int | None

    @classmethod
    def of(cls, outcome: Outcome) -> ManyResult:
        """The outcome as it is told to clients."""
        refused = [
            RefusedImages(error=ErrorInfo.of(each.error), image_ids=list(each.image_ids)) for each in outcome.refused
        ]
        return cls(done=list(outcome.done), refused=refused, next=outcome.next)
