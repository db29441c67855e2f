"""What the web process and its child processes say to each other: a JSON object a line, over the child's pipes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One message; unknown fields are refused, since they mean that the two processes are of different versions."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def line(self) -> bytes:
        """The message as one line."""
        return self.model_dump_json().encode() + b"\n"


class Broken(Message):
    """Child to parent: there is no starting like this; the child ends."""

    kind: Literal["broken"] = "broken"
    message: str
