"""Comments: read, said, answered, resolved and opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_comment, access_image
from limner.service.wiring import Services
from limner.store.comments import About, Thread, answer, begin_thread, get_thread, set_resolved, threads_of
from limner.store.names import names_of_users

__all__ = ["About", "Thread", "Threads", "list_threads", "resolve", "say"]


@dataclass(frozen=True)
class Threads:
    """Threads of an image, oldest first, and what the people in them are called now, by number."""

    threads: Sequence[Thread]
    names: Mapping[int, str]


def list_threads(context: Services, actor: Actor, image_id: int) -> Threads:
    """What was said about an image.

    Raises:
        NotFound: there is no such image that the actor may see.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        return _named(session, threads_of(session, image.id))


def say(
    context: Services,
    actor: Actor,
    image_id: int,
    uid: str,
    text: str,
    *,
    thread_id: int | None = None,
    about: About | None = None,
) -> Threads:
    """Say something about an image, or answer in a thread, once however often it is sent; and tell the pages.

    Args:
        context: the services.
        actor: who says it.
        image_id: the image.
        uid: UUID chosen by the client.
        text: what is said.
        thread_id: number of the comment that begins the thread in which this is an answer.
        about: what a new thread is about; by default the whole image.

    Returns:
        The thread that it is in, alone.

    Raises:
        NotFound: there is no such image, or no such thread, that the actor may see.
        Forbidden: the actor may not comment there.
        InvalidInput: a place outside, an annotation or a thread of another image.
        OperationReused: the uid stands for another comment.
        Conflict: so much was said about this image already.
    """
    with context.database.write() as session:
        image = access_image(session, actor, image_id, Permission.COMMENT, lock=True)
        if thread_id is None:
            beginning = begin_thread(session, image, uid, text, actor.user_id, about or About())
        else:
            beginning = access_comment(session, actor, thread_id, Permission.COMMENT)
            answer(session, image, beginning, uid, text, actor.user_id)
        return _named(session, [get_thread(session, beginning)])


def resolve(context: Services, actor: Actor, comment_id: int, *, resolved: bool) -> Threads:
    """Say that nothing is left to do in a thread, or that something is; and tell the pages.

    Returns:
        The thread, alone.

    Raises:
        NotFound: there is no such comment that the actor may see.
        Forbidden: the actor may not comment there.
        InvalidInput: the comment begins no thread.
    """
    with context.database.write() as session:
        beginning = access_comment(session, actor, comment_id, Permission.COMMENT)
        image = access_image(session, actor, beginning.image_id, Permission.COMMENT, lock=True)
        session.refresh(beginning)  # as it is when the lock is ours
        set_resolved(session, image, beginning, actor.user_id, resolved=resolved)
        return _named(session, [get_thread(session, beginning)])


def _named(session: Session, threads: Sequence[Thread]) -> Threads:
    people = [each.beginning.resolved_user_id for each in threads]
    people += [comment.user_id for each in threads for comment in (each.beginning, *each.answers)]
    return Threads(threads, names_of_users(session, people))
