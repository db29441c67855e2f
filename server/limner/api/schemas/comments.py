"""Comments on images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, Strict, StringConstraints, model_validator

from limner.api.schemas.base import Answer, Request
from limner.service.comments import About, Threads
from limner.service.comments import Thread as ThreadFacts
from limner.vocabulary.events import Timestamp

MAX_TEXT = 4000  # characters

Number = Annotated[int, Strict(), Field(ge=1, lt=2**63)]
Coordinate = Annotated[float, Strict(), Field(allow_inf_nan=False)]


def _tidy(value: object) -> object:
    return value.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(value, str) else value


# As people write: with lines, without other control characters.
CommentText = Annotated[
    str,
    BeforeValidator(_tidy),
    StringConstraints(strict=True, min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"),
]


class NewComment(Request):
    """Something to say; its ``uid`` is chosen by the client, so that it is said once however often it is sent.

    With ``thread``, the number of the comment that begins one, it is an answer. Otherwise it begins a thread: about the
    place ``at`` (x, y in image pixels), the ``annotation`` of this uid, or the whole image.
    """

    uid: UUID
    text: CommentText
    thread: Number | None = None
    at: tuple[Coordinate, Coordinate] | None = None
    annotation: UUID | None = None

    @model_validator(mode="after")
    def _check_answer(self) -> Self:
        if self.thread is not None and (self.at is not None or self.annotation is not None):
            raise ValueError("an answer is about what its thread is about: leave at and annotation out")
        return self

    @property
    def about(self) -> About:
        """What a new thread is about, for the service."""
        return About(self.at, None if self.annotation is None else str(self.annotation))


class Resolution(Request):
    """Whether nothing is left to do in a thread."""

    resolved: Annotated[bool, Strict()]


class Comment(Answer):
    """What somebody said (null: nobody is known), and when."""

    id: int
    by: str | None
    text: str
    created: Timestamp


class Thread(Answer):
    """A thread, by the number of the comment that begins it; ``comments`` begin with that, and are never empty.

    It is about the place ``at`` (x, y in image pixels), the ``annotation`` of this uid, which may be deleted by now and
    whose place then was ``at``, or (both null) the whole image. ``resolved_at`` is null while it is open.
    """

    id: int
    at: tuple[float, float] | None
    annotation: UUID | None
    resolved_at: Timestamp | None
    resolved_by: str | None
    comments: list[Comment]

    @classmethod
    def of(cls, thread: ThreadFacts, names: Mapping[int, str]) -> Thread:
        """The thread as it is told to clients."""
        first = thread.beginning

        def name(user_id: int | None) -> str | None:
            return None if user_id is None else names.get(user_id)

        return cls(
            id=first.id,
            at=None if first.x is None or first.y is None else (first.x, first.y),
            annotation=None if first.annotation_uid is None else UUID(first.annotation_uid),
            resolved_at=first.resolved,
            resolved_by=name(first.resolved_user_id),
            comments=[
                Comment(id=each.id, by=name(each.user_id), text=each.text, created=each.created)
                for each in (first, *thread.answers)
            ],
        )


class ThreadList(Answer):
    """The threads of an image, oldest first."""

    threads: list[Thread]

    @classmethod
    def of(cls, found: Threads) -> ThreadList:
        """The threads as they are told to clients."""
        return cls(threads=[Thread.of(each, found.names) for each in found.threads])
