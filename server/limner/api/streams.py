"""Answers without an end: written once as asynchronous iterators, sent by the event loop where there is one.

The server's front puts a :class:`Handover` into the WSGI environment. Under any other WSGI server, and in tests, a
thread of its own drives the iterator: the one that called the application may have an event loop already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    return Response(_in_a_thread(chunks), mimetype=media_type)


def _in_a_thread(chunks: AsyncGenerator[bytes, None]) -> Iterator[bytes]:
    runner = asyncio.Runner()

    def close() -> None:
        with runner:
            runner.run(chunks.aclose())

    with ThreadPoolExecutor(1, thread_name_prefix="stream") as thread:
        try:
            while True:
                try:
                    yield thread.submit(lambda: runner.run(_next(chunks))).result()
                except StopAsyncIteration:
                    return
        finally:
            thread.submit(close).result()


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(chunks)
