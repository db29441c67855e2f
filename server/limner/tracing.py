"""What happens to an image, as lines of the log that name the image and the request that it was for.

A request has a number from its first moment on (``X-Request-Id`` of its answer). It goes with what the request asks for
into the table of items, and from there to whoever does that, on another machine too. ``limner trace`` reads the lines.
"""

from __future__ import annotations

from typing import Literal

import structlog

Step = Literal["added", "asked", "claimed", "encoded", "failed", "sent", "saved"]
"""An image file was added; somebody asked for its embedding; an encoder has taken that on; it is made, or could not be;
it was sent to a page; a change of the image's masks was saved."""

REQUEST = "request"  # key of the number in lines, and in what an item says of itself

logger = structlog.get_logger(__name__)


def begin_request(number: str) -> None:
    """All that this thread logs from now on belongs to this request, until the next one begins."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**{REQUEST: number})


def current_request() -> str:
    """The number of the request that this thread is busy with; empty outside of requests."""
    return str(structlog.contextvars.get_contextvars().get(REQUEST, ""))


def log_step(step: Step, image_sha256: str = "", **more: object) -> None:
    """Something happened to an image, named by its sha256, by its number (``image``), or both.

    ``more`` may name a ``request`` other than this thread's.
    """
    known = {name: value for name, value in more.items() if value not in (None, "")}
    if image_sha256:
        known["image_sha256"] = image_sha256
    log = logger.error if step == "failed" else logger.info
    log("image", step=step, **known)
