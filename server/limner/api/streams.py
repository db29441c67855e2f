"""Answers without an end: written once as asynchronous iterators, sent by the event loop where there is one.

The server's front puts a :class:`Handover` into the WSGI environment. Under any other WSGI server, and in tests, the
thread that called the application drives the iterator itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from flask import Response, request

HANDOVER = "limner.handover"


@dataclass
class Handover:
    """Where an application leaves a body that it does not iterate itself."""

    stream: AsyncGenerator[bytes, None] | None = None


def stream_response(chunks: AsyncGenerator[bytes, None], media_type: str) -> Response:
    """An answer whose body is ``chunks``, however long it takes; no thread is held for it under Limner's own server."""
    handover = request.environ.get(HANDOVER)
    if isinstance(handover, Handover):
        handover.stream = chunks
        return Response(mimetype=media_type)
    return Response(_in_this_thread(chunks), mimetype=media_type)


def _in_this_thread(chunks: AsyncGenerator[bytes, None]) -> Iterator[bytes]:
    with asyncio.Runner() as runner:
        try:
            while True:
                try:
                    yield runner.run(_next(chunks))
                except StopAsyncIteration:
                    return
        finally:
            runner.run(chunks.aclose())


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(chunks)
