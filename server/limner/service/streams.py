"""What a page hears of a project: first what it missed, then what happens, without gaps and without repetitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from limner.access import Actor, Permission, access_project, is_still_allowed
from limner.errors import Unavailable
from limner.service.events import Subscription
from limner.service.wiring import Services
from limner.store.copies import copies_of
from limner.store.events import events_after, latest_event_id
from limner.vocabulary.events import AccessEvent, PublishedEvent, ResetEvent, StartEvent

PING_SECONDS = 15.0
MAX_STREAMS = 1000  # connections of a process; they hold no threads
EVENTS_AT_ONCE = 1000


def follow_project(
    context: Services, actor: Actor, project_id: int, known: int | None
) -> AsyncGenerator[PublishedEvent | None, None]:
    """The events of a project, after one ``start``; None when none came for a while, so that a connection shows life.

    ``reset`` says that too much was missed and everything should be read again. Once the actor may no longer see the
    project they are told so by ``access``, and it ends.

    Args:
        context: the services.
        actor: who listens.
        project_id: which project.
        known: number of the last event that the page has; None: only what comes from now on.

    Raises:
        Unavailable: so many listen already.
        NotFound: there is no such project that the actor may see.
    """
    if context.events.listeners >= MAX_STREAMS:
        raise Unavailable(
            f"{MAX_STREAMS} pages listen for events already.", hint="Close some tabs; everything else goes on working."
        )
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        newest = latest_event_id(session)
    return _follow(context, actor, project_id, newest if known is None else min(known, newest))


async def _follow(
    context: Services, actor: Actor, project_id: int, last: int
) -> AsyncGenerator[PublishedEvent | None, None]:
    yield PublishedEvent(last, project_id, StartEvent())
    told: set[int] = set()  # numbers above `last` that the page has already
    with context.events.subscribe(project_id) as subscription:
        while not subscription.overrun:
            subscription.copies_id = await asyncio.to_thread(_copies, context, actor, project_id)
            async for event in _missed(context, subscription, last):
                if event.id not in told and _concerns(event, actor):
                    yield event
                last = event.id or last
            told.clear()
            if not await asyncio.to_thread(_may_listen, context, actor, project_id):
                yield PublishedEvent(None, project_id, AccessEvent(user_id=actor.user_id))
                return
            async for event in _live(subscription):
                told.update(() if event.id is None else (event.id,))
                if not _concerns(event, actor):
                    continue
                if event.id is None or event.id > last:
                    yield event
                if isinstance(event.event, AccessEvent):
                    break  # whether they may go on listening is looked at now
            yield None


def _concerns(event: PublishedEvent, actor: Actor) -> bool:
    return not isinstance(event.event, AccessEvent) or event.event.user_id == actor.user_id


def _may_listen(context: Services, actor: Actor, project_id: int) -> bool:
    with context.database.read() as session:
        return is_still_allowed(session, actor, project_id, Permission.VIEW)


def _copies(context: Services, actor: Actor, project_id: int) -> int | None:
    """What happens on somebody's own copies of images they hear as if it were on the images, and nobody else does."""
    with context.database.read() as session:
        return copies_of(session, project_id, actor.user_id)


async def _missed(context: Services, subscription: Subscription, last: int) -> AsyncGenerator[PublishedEvent, None]:
    """Stored events after ``last``: those from before the connection, and those of other processes."""
    while True:
        found, newest = await asyncio.to_thread(_stored_after, context, subscription, last)
        if found is None:
            yield PublishedEvent(newest, subscription.project_id, ResetEvent())
            return
        for event in found:
            yield event
        if len(found) < EVENTS_AT_ONCE:
            return
        last = found[-1].id or last


def _stored_after(context: Services, subscription: Subscription, last: int) -> tuple[list[PublishedEvent] | None, int]:
    with context.database.read() as session:
        found = events_after(session, subscription.project_id, last, EVENTS_AT_ONCE, also=subscription.copies_id)
        return found, latest_event_id(session)


async def _live(subscription: Subscription) -> AsyncGenerator[PublishedEvent, None]:
    """Events as they come, until none came for a while, enough came to look at the store again, or it ended."""
    for _ in range(EVENTS_AT_ONCE):
        event = await subscription.next(PING_SECONDS)
        if event is None:
            return
        yield event
