"""The way of one image through the processes of an installation, read from their logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from limner.errors import InvalidInput, NotFound
from limner.tracing import REQUEST

SHORTEST = 8  # digits of a sha256 that name an image
SAID_ELSEWHERE = {"timestamp", "ended", "process", "level", "logger", "event", "step", "image_sha256", REQUEST}


@dataclass(frozen=True)
class Traced:
    """A line of a log that belongs to an image.

    Attributes:
        moment: when it happened; it may be written down a little later.
        process: which wrote it, as ``host:number``.
        request: that it belongs to; empty where there was none.
        what: what happened.
        more: what else the line says.
    """

    moment: datetime
    process: str
    request: str
    what: str
    more: Mapping[str, Any]


def trace(lines: Iterable[str], image: str) -> list[Traced]:
    """What the logs say of an image, in the order of time: its steps, and all else of the requests that asked for it.

    Args:
        lines: of the logs of any number of processes, one JSON object each, in any order; others are passed over.
        image: its number, or the first digits of its sha256.

    Raises:
        InvalidInput: that names no image.
        NotFound: no line is about such an image.
    """
    if not image.isdecimal() and (len(image) < SHORTEST or set(image) - set("0123456789abcdef")):
        raise InvalidInput(
            f"{image!r} names no image.", hint=f"Give its number, or {SHORTEST} digits or more of its sha256."
        )
    read = [line for line in map(_read, lines) if line is not None]
    steps = [line for line in read if "step" in line]
    hashes = {line["image_sha256"] for line in steps if "image_sha256" in line and _is_of(line, image)}
    if not hashes:
        raise NotFound(
            f"No line of these logs is about the image {image}.",
            hint="Give the logs of all processes, from when the image was added: journalctl -u limner -o cat",
        )
    numbers = {str(line["image"]) for line in steps if "image" in line and _is_of(line, image)}
    steps = [
        line
        for line in steps
        if (str(line["image"]) in numbers if "image" in line else line.get("image_sha256") in hashes)
    ]
    requests = {line[REQUEST] for line in steps if REQUEST in line}
    of_requests = [line for line in read if line.get(REQUEST) in requests and "step" not in line]
    return sorted(map(_traced, [*steps, *of_requests]), key=lambda each: each.moment)


def _is_of(line: Mapping[str, Any], image: str) -> bool:
    if str(line.get("image")) == image:
        return True
    return len(image) >= SHORTEST and str(line.get("image_sha256", "")).startswith(image)


def _read(line: str) -> dict[str, Any] | None:
    start = line.find("{")  # services' managers write something before it
    if start < 0:
        return None
    try:
        found = json.loads(line[start:])
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "timestamp" in found and "event" in found else None


def _traced(line: Mapping[str, Any]) -> Traced:
    return Traced(
        moment=_moment(line),
        process=str(line.get("process", "")),
        request=str(line.get(REQUEST, "")),
        what=str(line.get("step", line["event"])),
        more={name: value for name, value in line.items() if name not in SAID_ELSEWHERE},
    )


def _moment(line: Mapping[str, Any]) -> datetime:
    ended = line.get("ended")
    if isinstance(ended, int | float):
        return datetime.fromtimestamp(ended, UTC)
    return datetime.fromisoformat(line["timestamp"])
