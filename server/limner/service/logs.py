"""Logs: one line per event on standard error, for people at a terminal and as JSON otherwise."""

from __future__ import annotations

import logging
import os
import socket
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


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
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _name_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Whose line it is, among those of all machines."""
    line["process"] = f"{socket.gethostname()}:{os.getpid()}"
    return line
