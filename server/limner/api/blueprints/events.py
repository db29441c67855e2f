"""Server-sent events: what changes in a project, as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from apiflask import APIBlueprint
from flask import Response, request

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import event_stream_response
from limner.api.schemas.server import EventsQuery
from limner.api.streams import stream_response
from limner.service.streams import follow_project
from limner.vocabulary.events import PublishedEvent

blueprint = APIBlueprint("events", __name__)

RETRY_MS = 2000


@blueprint.get("/projects/<int:project_id>/events")
@requires(Permission.VIEW)
@blueprint.input(EventsQuery, location="query")
@blueprint.doc(operation_id="streamEvents", responses=event_stream_response())
def stream_events(project_id: int, query_data: EventsQuery) -> Response:
    """Events of a project, each a `ProjectEvent` as JSON, after one `start`.

    With Last-Event-ID, or else `after`, the stream starts with what was missed since; the event `reset`
    says that too much was missed and everything should be read again.
    """
    header = request.headers.get("Last-Event-ID", "")
    known = int(header) if header.isascii() and header.isdigit() and len(header) < 19 else query_data.after
    events = follow_project(services(), current_actor(), project_id, known)
    response = stream_response(_stream(events), "text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _stream(events: AsyncGenerator[PublishedEvent | None, None]) -> AsyncGenerator[bytes, None]:
    yield f"retry: {RETRY_MS}\n: connected\n\n".encode()
    async with aclosing(events):
        async for event in events:
            yield b": ping\n\n" if event is None else _format(event)


def _format(event: PublishedEvent) -> bytes:
    number = f"id: {event.id}\n" if event.id is not None else ""
    return f"{number}event: {event.event.event}\ndata: {event.event.model_dump_json()}\n\n".encode()
