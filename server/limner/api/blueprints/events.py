"""Server-sent events: what changes in a project, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from apiflask import APIBlueprint
from flask import Response, request

from limner.access import Permission, access_project
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import event_stream_response
from limner.api.schemas.server import EventsQuery
from limner.api.streams import stream_response
from limner.errors import Unavailable
from limner.service.events import Subscription
from limner.service.wiring import Services
from limner.store.events import PublishedEvent, events_after, latest_event_id
from limner.vocabulary.events import ResetEvent, StartEvent

blueprint = APIBlueprint("events", __name__)

PING_SECONDS = 15.0
MAX_STREAMS = 1000  # connections of a process; they hold no threads
RETRY_MS = 2000
EVENTS_AT_ONCE = 1000


@blueprint.get("/projects/<int:project_id>/events")
@requires(Permission.VIEW)
@blueprint.input(EventsQuery, location="query")
@blueprint.doc(operation_id="streamEvents", responses=event_stream_response())
def stream_events(project_id: int, query_data: EventsQuery) -> Response:
    """Events of a project, each a `ProjectEvent` as JSON, after one `start`.

    With Last-Event-ID, or else `after`, the stream starts with what was missed since; the event `reset`
    says that too much was missed and everything should be read again.
    """
    if services().events.listeners >= MAX_STREAMS:
        raise Unavailable(
            f"{MAX_STREAMS} pages listen for events already.", hint="Close some tabs; everything else goes on working."
        )
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.VIEW)
        newest = latest_event_id(session)
    header = request.headers.get("Last-Event-ID", "")
    known = int(header) if header.isascii() and header.isdigit() and len(header) < 19 else query_data.after
    last = newest if known is None else min(known, newest)
    response = stream_response(_stream(services(), project_id, last), "text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _stream(context: Services, project_id: int, last: int) -> AsyncGenerator[bytes, None]:
    yield f"retry: {RETRY_MS}\n: connected\n\n".encode()
    yield _format(PublishedEvent(last, project_id, StartEvent()))
    told: set[int] = set()  # numbers above `last` that the page has already
    with context.events.subscribe(project_id) as subscription:
        while not subscription.overrun:
            async for event in _missed(context, project_id, last):
                if event.id not in told:
                    yield _format(event)
                last = event.id or last
            told.clear()
            async for event in _live(subscription):
                if event.id is None or event.id > last:
                    yield _format(event)
                told.update(() if event.id is None else (event.id,))
            yield b": ping\n\n"


async def _missed(context: Services, project_id: int, last: int) -> AsyncGenerator[PublishedEvent, None]:
    """Stored events after ``last``: those from before the connection, and those of other processes."""
    while True:
        found, newest = await asyncio.to_thread(_stored_after, context, project_id, last)
        if found is None:
            yield PublishedEvent(newest, project_id, ResetEvent())
            return
        for event in found:
            yield event
        if len(found) < EVENTS_AT_ONCE:
            return
        last = found[-1].id or last


def _stored_after(context: Services, project_id: int, last: int) -> tuple[list[PublishedEvent] | None, int]:
    with context.database.read() as session:
        return events_after(session, project_id, last, EVENTS_AT_ONCE), latest_event_id(session)


async def _live(subscription: Subscription) -> AsyncGenerator[PublishedEvent, None]:
    """Events as they come, until none came for a while, enough came to look at the store again, or it ended."""
    for _ in range(EVENTS_AT_ONCE):
        event = await subscription.next(PING_SECONDS)
        if event is None:
            return
        yield event


def _format(event: PublishedEvent) -> bytes:
    number = f"id: {event.id}\n" if event.id is not None else ""
    return f"{number}event: {event.event.event}\ndata: {event.event.model_dump_json()}\n\n".encode()
