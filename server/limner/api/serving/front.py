"""The ASGI application in front of Flask: sockets belong to the event loop, threads only to requests that are complete.

A request's body is taken in first, then it waits a bounded time for a thread of its lane, and the thread is free again
as soon as the answer is made, however slowly the client reads. Whoever would wait too long is answered 503.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

import structlog
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from limner import open_files
from limner.api.errors import RETRY_AFTER_SECONDS, no_file_left
from limner.api.guard import OPEN_ENDPOINTS
from limner.api.schemas.base import ErrorAnswer, ErrorInfo
from limner.api.security import HEADERS
from limner.api.serving.answers import (
    Answer,
    FileCannotBeOpened,
    Head,
    ReaderTooSlow,
    Send,
    Spool,
    collect,
    send_answer,
)
from limner.api.serving.bodies import Body, ClientGone, Receive
from limner.api.serving.limits import LANES, Lane, LaneLimits, Limits
from limner.api.serving.protocol import CONNECTION, GuardedProtocol
from limner.api.streams import HANDOVER, Handover
from limner.errors import LimnerError, StorageFull, Unavailable, is_disk_full

LINGER_SECONDS = 5.0  # for what a refused client still sends

logger = structlog.get_logger(__name__)
Environ = dict[str, Any]


class Refused(Exception):
    """The request was answered before its body was taken."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Threads:
    """The threads of one lane."""

    def __init__(self, lane: Lane, limits: LaneLimits) -> None:
        self.waiting = 0
        self.working = 0
        self.shed = 0
        self._limits = limits
        self._free = asyncio.Semaphore(limits.threads)
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix=f"limner-{lane}")

    async def acquire(self) -> None:
        """Wait for a free thread, first come first served.

        Raises:
            Unavailable: none became free in time.
        """
        self.waiting += 1
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            self.shed += 1
            raise Unavailable("The server is busy.", hint="Nothing was stored; try again in a moment.") from None
        finally:
            self.waiting -= 1

    def start(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Run ``work`` in the thread that was acquired; it is free for others afterwards."""
        self.working += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._finish)
        return future

    def _finish(self, _: asyncio.Future[None]) -> None:
        self.working -= 1
        self._free.release()

    def close(self) -> None:
        """Take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Front:
    """Serves a Flask application.

    Args:
        app: the application.
        limits: of this process.
        folder: for bodies and answers that are too large for the memory.
        root_path: the path below which a proxy shows the application, such as ``/limner``; empty for none.
    """

    def __init__(self, app: Flask, limits: Limits, folder: Path, root_path: str = "") -> None:
        app.config["USE_X_SENDFILE"] = True  # files are sent by the event loop
        self._app = app
        self._limits = limits
        self._folder = folder
        self._root_path = root_path
        self._routes = app.url_map.bind("localhost")
        self._spools = threading.BoundedSemaphore(limits.spools)
        self.lanes = {lane: Threads(lane, each) for lane, each in limits.lanes.items()}

    @property
    def busy(self) -> int:
        """Requests that threads work on."""
        return sum(threads.working for threads in self.lanes.values())

    def close(self) -> None:
        """Take nothing more."""
        for threads in self.lanes.values():
            threads.close()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        connection: GuardedProtocol = scope[CONNECTION]
        environ = self._environ(scope)
        endpoint = self._endpoint(environ)
        body = Body(receive, self._limits, self._most(endpoint), _announced(environ), self._folder)
        try:
            answer = await self._answer(environ, endpoint, body, connection)
        except ClientGone:
            return
        except Refused as refused:
            answer = refused.answer
        except LimnerError as error:
            answer = _problem(error)
        except OSError as error:
            answer = _problem(_refusal(error))
        try:
            if not body.complete:
                await self._refuse(answer, body, send)
            else:
                await self._send(answer, send, connection)
        except (ReaderTooSlow, BrokenPipeError) as error:
            logger.warning("answer cut off", endpoint=endpoint, reason=str(error) or "the client does not read")
            connection.transport.abort()
            await asyncio.sleep(0)  # until the connection knows that it is gone

    async def _send(self, answer: Answer, send: Send, connection: GuardedProtocol) -> None:
        try:
            await send_answer(answer, send, connection, self._limits)
        except FileCannotBeOpened as error:  # nothing was sent yet
            await send_answer(_problem(_refusal(error.reason)), send, connection, self._limits)

    async def _answer(self, environ: Environ, endpoint: str | None, body: Body, connection: GuardedProtocol) -> Answer:
        file = await body.read(partial(self._authorize, environ, endpoint))
        threads = self.lanes[LANES.get(endpoint or "", Lane.QUICK)]
        loop = asyncio.get_running_loop()
        started: asyncio.Future[Answer] = loop.create_future()
        handover = Handover()
        environ |= {"wsgi.input": file, HANDOVER: handover}

        def hand_over(answer: Answer) -> None:
            loop.call_soon_threadsafe(lambda: None if started.done() else started.set_result(answer))

        try:
            await threads.acquire()
        except BaseException:
            file.close()
            raise
        work = threads.start(partial(self._run, environ, file, handover, hand_over, loop))
        both: list[asyncio.Future[Any]] = [work, started]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            work.result()  # raises what went wrong before there was anything to send
            await started
        elif not work.done():
            work.add_done_callback(_log_failure)
        return started.result()

    # --- in a thread --------------------------------------------------------------------------------------------------

    def _run(
        self,
        environ: Environ,
        file: IO[bytes],
        handover: Handover,
        hand_over: Callable[[Answer], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        with file:
            said: list[Any] = []

            def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                said[:] = [status, headers]
                return _no_write

            chunks: Iterable[bytes] = self._app(environ, start_response)
            head = Head.of(*said)
            if handover.stream is not None or head.sendfile is not None:
                close = getattr(chunks, "close", None)
                if close is not None:
                    close()
                stream: AsyncGenerator[bytes, None] | None = handover.stream
                hand_over(Answer(head, stream if stream is not None else Path(str(head.sendfile))))
                return
            collect(
                chunks,
                self._limits.piece_bytes,
                lambda: self._spool(loop),
                lambda body: hand_over(Answer(head, body)),
            )

    def _spool(self, loop: asyncio.AbstractEventLoop) -> Spool:
        if not self._spools.acquire(blocking=False):
            raise Unavailable("Too many large answers are being sent.", hint="Try again when others are through.")
        return Spool(loop, self._folder, on_close=self._spools.release)

    def _preflight(self, environ: Environ) -> Answer | None:
        """Whether the request may be made at all, before its body is there: what comes before every view decides."""
        with self._app.request_context(environ):
            try:
                early = self._app.preprocess_request()
            except Exception as error:  # noqa: BLE001  (answered by the application's own error handlers)
                early = self._app.handle_user_exception(error)
            if early is None:
                return None
            return _plain(self._app.finalize_request(early))

    # --- in the event loop --------------------------------------------------------------------------------------------

    async def _authorize(self, environ: Environ, endpoint: str | None) -> None:
        threads = self.lanes[Lane.QUICK]
        found: list[Answer | None] = []
        await threads.acquire()
        await threads.start(lambda: found.append(self._preflight({**environ, "wsgi.input": _Empty()})))
        if found[0] is not None:
            raise Refused(found[0])

    async def _refuse(self, answer: Answer, body: Body, send: Send) -> None:
        """Answer though the client is still sending; it gets a moment to see the answer, then the connection ends."""
        content = answer.body if isinstance(answer.body, bytes) else b""
        length = (b"content-length", str(len(content)).encode())
        headers = [*answer.head.without(b"content-length"), length, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": answer.head.status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": True})
        await body.discard(LINGER_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _endpoint(self, environ: Environ) -> str | None:
        try:
            path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
            endpoint, _ = self._routes.match(path, environ["REQUEST_METHOD"])
        except HTTPException:
            return None
        return str(endpoint)

    def _most(self, endpoint: str | None) -> int:
        """Bytes of a body that an endpoint takes: little where nobody has to show credentials."""
        if endpoint is None or endpoint in OPEN_ENDPOINTS:
            return self._limits.body_memory
        return int(self._app.config["BODY_LIMITS"].get(endpoint, self._app.config["MAX_CONTENT_LENGTH"]))

    def _environ(self, scope: dict[str, Any]) -> Environ:
        """The request as WSGI sees it (PEP 3333). Header names with an underscore could pass for others: left out."""
        path = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
        if self._root_path and (path == self._root_path or path.startswith(self._root_path + "/")):
            path = path[len(self._root_path) :] or "/"
        host, port = scope.get("server") or ("localhost", 80)
        client = scope.get("client") or ("", 0)
        environ: Environ = {
            "REQUEST_METHOD": scope["method"],
            "SCRIPT_NAME": self._root_path,
            "PATH_INFO": path,
            "QUERY_STRING": scope["query_string"].decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
            "SERVER_NAME": host,
            "SERVER_PORT": str(port or 0),
            "REMOTE_ADDR": client[0],
            "REMOTE_PORT": str(client[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scope.get("scheme", "http"),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,  # the body is complete, whether or not its length was announced
        }
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            if "_" in name or name == "transfer-encoding":
                continue
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ


class _Empty:
    """A body that is not there yet."""

    def read(self, size: int = -1) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing to close."""


def _plain(response: Response) -> Answer:
    """A response of Flask that is complete in memory."""
    return Answer(Head.of(response.status, response.headers.to_wsgi_list()), response.get_data())


def _problem(error: LimnerError) -> Answer:
    """An error of the front, as the application would say it."""
    body = json.dumps(ErrorAnswer(error=ErrorInfo.of(error)).model_dump(mode="json")).encode()
    headers = {**HEADERS, "Content-Type": "application/json", "Cache-Control": "private, no-store"}
    if error.status == Unavailable.status:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Answer(Head.of(str(error.status), list(headers.items())), body)


def _refusal(error: OSError) -> LimnerError:
    """What to answer when the system did not do what the front needs.

    Raises:
        OSError: that is a fault of ours.
    """
    if is_disk_full(error):
        return StorageFull.of(error)
    if open_files.ran_out(error):
        return no_file_left()
    raise error


def _announced(environ: Environ) -> int | None:
    text = environ.get("CONTENT_LENGTH", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _log_failure(work: asyncio.Future[None]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        logger.error("an answer could not be made to its end", exc_info=error)


def _no_write(_: bytes) -> None:
    raise NotImplementedError("the application has to return its body")
