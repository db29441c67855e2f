"""Logs: one line per event on standard error, for people at a terminal and as JSON otherwise."""

from __future__ import annotations

import logging
import os
import socket
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from limner import open_files


def configure_logging(level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's logs to standard error in one form. Never logs bodies or secrets."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_process,
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    handler.addFilter(_say_once_that_no_file_is_left)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _name_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Whose line it is, among those of all machines."""
    line["process"] = f"{socket.gethostname()}:{os.getpid()}"
    return line


def _say_once_that_no_file_is_left(record: logging.LogRecord) -> bool:
    """Whatever fails because no further file can be opened is one line a minute, not a traceback each."""
    event = record.msg if isinstance(record.msg, dict) else {}
    info = record.exc_info or event.get("exc_info")
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if not isinstance(error, BaseException) or not open_files.ran_out(error):
        return True
    record.exc_info = None
    if event:
        del event["exc_info"]
        event["event"] = open_files.message()
    else:
        record.msg, record.args = open_files.message(), ()
    return open_files.is_news()
