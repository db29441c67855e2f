"""What a browser has not sent, from the file that it saved: for somebody who cannot sign in any more.

Changes are applied in their order, each once: one that the browser has sent after all is known by its id. They count as
made by who brings them in, since a file proves nothing about who made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, ValidationError

from limner.access import Actor
from limner.errors import InvalidFile, LimnerError
from limner.service.annotating import apply_within
from limner.service.wiring import Services
from limner.vocabulary.operations import Operation


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    image_id: Annotated[int, Strict(), Field(ge=1, lt=2**63)]
    operation_id: UUID
    created: AwareDatetime
    operation: Operation


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["limner unsent changes"]
    version: Literal[1]
    user: str
    changes: list[_Change]


@dataclass(frozen=True)
class Refused:
    """A change that could not be applied, and why."""

    image_id: int
    kind: str
    why: str


@dataclass(frozen=True)
class BroughtIn:
    """What became of the changes: how many were applied, how many had been before, and the others."""

    user: str
    applied: int
    known: int
    refused: Sequence[Refused]


def bring_in(context: Services, actor: Actor, document: bytes) -> BroughtIn:
    """Apply the changes of a file. What cannot be applied is left out and named; the others are applied.

    Raises:
        InvalidFile: it is no such file. Nothing was applied.
    """
    try:
        file = _File.model_validate_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "it"
        raise InvalidFile(
            f"This is no file of unsent changes: {where}: {first['msg']}.",
            hint="Give the file that “Save … unsent changes as a file” has saved, as it is.",
        ) from error
    applied = known = 0
    refused: list[Refused] = []
    for change in file.changes:
        try:
            with context.database.write() as session:
                number, operation_id = change.image_id, str(change.operation_id)
                done = apply_within(session, actor, number, operation_id, change.operation, None, takes=False)
        except LimnerError as error:
            refused.append(Refused(change.image_id, change.operation.kind, f"{error.message} {error.hint}".strip()))
        else:
            known, applied = known + done.replayed, applied + (not done.replayed)
    return BroughtIn(file.user, applied, known, refused)
