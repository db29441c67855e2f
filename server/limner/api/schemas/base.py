"""Bases and errors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from limner.errors import LimnerError
from limner.vocabulary.names import one_line


class Answer(BaseModel):
    """Base of what the server says. Every field is always there.

    What checks and writes it is built at its first use: a start that builds all of them is slower by a twentieth.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True, defer_build=True)


class Request(BaseModel):
    """Base of what clients say. Fields that are not known are refused, so that a typo cannot pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _one_line(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


# A name as people type it: spaces are collapsed, control characters and markup mean nothing special.
NameText = Annotated[
    str,
    BeforeValidator(_one_line),
    StringConstraints(strict=True, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
Color = Annotated[str, StringConstraints(strict=True, pattern=r"^#[0-9a-f]{6}$")]
Sha256Text = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ErrorInfo(Answer):
    """What was wrong, and what would be right.

    ``code`` is stable; ``details`` are facts for programs.
    """

    code: str
    message: str
    hint: str
    details: dict[str, Any]

    @classmethod
    def of(cls, error: LimnerError) -> ErrorInfo:
        """The error as it is told to clients."""
        return cls(code=error.code, message=error.message, hint=error.hint, details=error.details)


class ErrorAnswer(Answer):
    """The body of every answer with a status of 400 or above."""

    error: ErrorInfo
