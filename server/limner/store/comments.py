"""What people say about images, in threads that are open until somebody resolves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from limner.errors import Conflict, InvalidInput, NotFound, OperationReused
from limner.store.events import add_event
from limner.store.tables import Annotation, Comment, Image
from limner.store.types import utc_now
from limner.vocabulary.events import CommentsEvent

MAX_COMMENTS = 2000  # on one image; they are read together


@dataclass(frozen=True)
class Thread:
    """A comment that says what it is about, and the answers to it, oldest first."""

    beginning: Comment
    answers: Sequence[Comment]


@dataclass(frozen=True)
class About:
    """What a thread is about.

    Attributes:
        place: (x, y) in image pixels; None: the whole image, or where the annotation is.
        annotation_uid: an annotation of the image, deleted or not.
    """

    place: tuple[float, float] | None = None
    annotation_uid: str | None = None


def threads_of(session: Session, image_id: int) -> Sequence[Thread]:
    """All threads of an image, oldest first."""
    rows = session.scalars(select(Comment).where(Comment.image_id == image_id).order_by(Comment.id)).all()
    answers: dict[int, list[Comment]] = {}
    for row in rows:
        if row.thread_id is not None:
            answers.setdefault(row.thread_id, []).append(row)
    return [Thread(row, answers.get(row.id, [])) for row in rows if row.thread_id is None]


def get_comment(session: Session, comment_id: int) -> Comment:
    """The comment with this number.

    Raises:
        NotFound: there is none.
    """
    comment = session.get(Comment, comment_id)
    if comment is None:
        raise NotFound.row("comment", comment_id)
    return comment


def get_thread(session: Session, beginning: Comment) -> Thread:
    """A thread, by the comment that begins it."""
    found = select(Comment).where(Comment.thread_id == beginning.id).order_by(Comment.id)
    return Thread(beginning, session.scalars(found).all())


def begin_thread(session: Session, image: Image, uid: str, text: str, user_id: int, about: About) -> Comment:
    """Say something about a locked image, once however often it is said, and tell the pages.

    Raises:
        InvalidInput: the place lies outside of the image, or the annotation is none of it.
        OperationReused: the uid stands for something else.
        Conflict: so much was said about this image already.
    """
    x, y = about.place or (None, None)
    said = Comment(
        uid=uid, image_id=image.id, user_id=user_id, text=text, annotation_uid=about.annotation_uid, x=x, y=y
    )
    known = _said(session, said, about)
    if known is not None:
        return known
    if about.annotation_uid is not None:
        found = select(Annotation).where(Annotation.uid == about.annotation_uid, Annotation.image_id == image.id)
        annotation = session.scalar(found)
        if annotation is None:
            raise InvalidInput(
                f"Image {image.id} has no annotation {about.annotation_uid}.",
                hint="Name one of its annotations, once it is saved, or a place.",
            )
        if x is None:
            said.x = annotation.bbox_x + annotation.bbox_width / 2
            said.y = annotation.bbox_y + annotation.bbox_height / 2
    elif x is not None and y is not None and not (0 <= x <= image.width and 0 <= y <= image.height):
        raise InvalidInput(
            f"The place ({x:g}, {y:g}) lies outside of image {image.id}.",
            hint=f"x is from 0 to {image.width}, y from 0 to {image.height}.",
        )
    image.open_threads += 1
    return _add(session, image, said)


def answer(session: Session, image: Image, thread: Comment, uid: str, text: str, user_id: int) -> Comment:
    """Answer in a thread of a locked image, once however often it is said, and tell the pages.

    Raises:
        InvalidInput: the comment begins no thread of this image.
        OperationReused: the uid stands for something else.
        Conflict: so much was said about this image already.
    """
    if thread.image_id != image.id or thread.thread_id is not None:
        raise InvalidInput(
            f"Comment {thread.id} begins no thread of image {image.id}.",
            hint="Name the comment that begins a thread, as GET /images/N/comments lists them.",
        )
    said = Comment(uid=uid, image_id=image.id, thread_id=thread.id, user_id=user_id, text=text)
    return _said(session, said, About()) or _add(session, image, said)


def set_resolved(session: Session, image: Image, thread: Comment, user_id: int, *, resolved: bool) -> None:
    """Say that nothing is left to do in a thread of a locked image, or that something is; and tell the pages.

    Raises:
        InvalidInput: the comment begins no thread.
    """
    if thread.thread_id is not None:
        raise InvalidInput(
            f"Comment {thread.id} is an answer: only threads are resolved.", hint=f"Name comment {thread.thread_id}."
        )
    if resolved == (thread.resolved is not None):
        return
    thread.resolved = utc_now() if resolved else None
    thread.resolved_user_id = user_id if resolved else None
    image.open_threads += -1 if resolved else 1
    session.flush()
    _announce(session, image)


def _said(session: Session, said: Comment, about: About) -> Comment | None:
    """What was said before under the same uid."""
    known = session.scalar(select(Comment).where(Comment.uid == said.uid))
    if known is None:
        return None
    same = (known.image_id, known.thread_id, known.user_id, known.text, known.annotation_uid) == (
        said.image_id,
        said.thread_id,
        said.user_id,
        said.text,
        said.annotation_uid,
    )
    if not same or (about.place is not None and (known.x, known.y) != about.place):
        raise OperationReused(
            f"The uid {said.uid} stands for another comment.", hint="Choose a fresh uid for each comment."
        )
    return known


def _add(session: Session, image: Image, said: Comment) -> Comment:
    count = session.scalar(select(func.count()).select_from(Comment).where(Comment.image_id == image.id)) or 0
    if count >= MAX_COMMENTS:
        raise Conflict(
            f"Image {image.id} has {count} comments already, which is as many as there can be.",
            hint="Say it in the note with which the image is returned.",
        )
    session.add(said)
    session.flush()
    _announce(session, image)
    return said


def _announce(session: Session, image: Image) -> None:
    add_event(session, CommentsEvent(image_id=image.id, open=image.open_threads), image.project_id)
