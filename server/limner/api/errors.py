"""One shape for every error that leaves the server."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, jsonify
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from limner import open_files
from limner.api.schemas.base import ErrorAnswer, ErrorInfo
from limner.errors import Conflict, InvalidInput, LimnerError, StorageFull, Unavailable, is_disk_full

RETRY_AFTER_SECONDS = 2

logger = structlog.get_logger(__name__)

# status: (code, message, hint) of errors that do not come from the domain
HTTP_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request cannot be understood.", "Send well-formed JSON, or a complete form."),
    404: ("not_found", "There is nothing at this address.", "The addresses are listed at /api/v1/openapi.json."),
    405: ("method_not_allowed", "This address does not take this method.", "See the Allow header."),
    413: ("too_large", "The request is larger than the server accepts.", "Send less at a time."),
    415: ("unsupported_media_type", "The content type is not one that is read here.", "Send application/json."),
    429: ("too_many_requests", "Too many attempts.", "Wait a minute and try again."),
    500: ("internal_error", "Something went wrong inside the server.", "The server's log says what."),
}


def register_errors(app: APIFlask) -> None:
    """Have every error of ``app`` answered in the one shape."""
    app.error_processor(_http_error)
    app.register_error_handler(HTTPException, werkzeug_error)
    app.register_error_handler(LimnerError, limner_error)
    app.register_error_handler(OSError, _os_error)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeout, _no_connection)


def limner_error(error: LimnerError) -> Response:
    """The answer to an error that the domain raised."""
    response = _answer(error.status, ErrorInfo.of(error))
    if error.status == Unavailable.status:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Limner"'
    return response


def validation_problem(problems: Sequence[ErrorDetails]) -> InvalidInput:
    """What pydantic found, as an error that names the first field and lists all of them."""
    fields = [{"field": ".".join(map(str, problem["loc"])), "message": problem["msg"]} for problem in problems[:20]]
    first = fields[0]
    where = f"The field {first['field']!r}" if first["field"] else "The request"
    return InvalidInput(f"{where} is not as it should be.", hint=first["message"] + ".", details={"fields": fields})


def _http_error(error: HTTPError) -> Response:
    if isinstance(error.__cause__, ValidationError):
        return limner_error(validation_problem(error.__cause__.errors(include_url=False, include_context=False)))
    return _http_answer(error.status_code, error.message or "", dict(error.headers or {}))


def werkzeug_error(error: HTTPException) -> Response:
    """The answer to an error that the framework raised: an address that is none, a method that it does not take."""
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return _http_answer(error.code or 500, error.description or "", headers)


def _http_answer(status: int, description: str, headers: dict[str, Any]) -> Response:
    code, message, hint = HTTP_ERRORS.get(status, (f"http_{status}", description, ""))
    response = _answer(status, ErrorInfo(code=code, message=message, hint=hint, details={}))
    response.headers.update(headers)
    return response


def _too_deep(_: RecursionError) -> Response:
    return limner_error(InvalidInput("The JSON is nested too deeply.", hint="No document here needs such depth."))


def _os_error(error: OSError) -> Response:
    if is_disk_full(error):
        return limner_error(StorageFull.of(error))
    if open_files.ran_out(error):
        return limner_error(no_file_left())
    raise error


def no_file_left() -> Unavailable:
    """The error to answer with when nothing further can be opened; the log says it, once in a while."""
    if open_files.is_news():
        logger.error(open_files.message())
    return open_files.unavailable()


def _database_error(error: DBAPIError) -> Response:
    cause = str(error.orig)
    if open_files.ran_out(error):
        return limner_error(no_file_left())
    if "database or disk is full" in cause or "No space left" in cause:
        return limner_error(StorageFull.of(OSError(errno.ENOSPC, cause)))
    if "disk I/O error" in cause:  # SQLite's word for whatever else the disk says, a full quota among it
        logger.error("the database's disk fails", error=cause)
        return limner_error(StorageFull.of(OSError(errno.EIO, cause)))
    if isinstance(error, IntegrityError):  # two requests at once, of which the checks saw neither
        return limner_error(Conflict("Somebody else has just changed this.", hint="Read it again, then try again."))
    if isinstance(error, OperationalError) or error.connection_invalidated:
        logger.error("database unavailable", error=str(error.orig))
        return limner_error(
            Unavailable("The database does not answer.", hint="Nothing was stored; try again in a moment.")
        )
    raise error


def _no_connection(_: PoolTimeout) -> Response:
    return limner_error(Unavailable("The server is busy.", hint="Nothing was stored; try again in a moment."))


def _answer(status: int, info: ErrorInfo) -> Response:
    response = jsonify(ErrorAnswer(error=info).model_dump(mode="json"))
    response.status_code = status
    return response
