"""Answers without an end under another WSGI server than Limner's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import islice

from flask import Flask

from limner.api.streams import stream_response


def test_a_stream_is_read_and_closed_also_by_a_thread_that_has_an_event_loop() -> None:
    closed: list[bool] = []

    async def count() -> AsyncGenerator[bytes, None]:
        try:
            for number in range(5):
                await asyncio.sleep(0)
                yield b"%d" % number
        finally:
            closed.append(True)

    async def read(most: int) -> list[bytes]:
        with Flask("other").test_request_context():
            answer = stream_response(count(), "text/event-stream")
        chunks = list(islice(answer.response, most))
        answer.close()
        return [bytes(chunk) if isinstance(chunk, bytes) else chunk.encode() for chunk in chunks]

    assert asyncio.run(read(9)) == [b"0", b"1", b"2", b"3", b"4"]
    assert asyncio.run(read(2)) == [b"0", b"1"]
    assert closed == [True, True]
