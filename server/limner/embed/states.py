"""Where images stand on their way through the encoder, as everybody outside this package sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["none", "waiting", "encoding", "ready", "failed"]


@dataclass(frozen=True)
class EmbeddingState:
    """Where an image stands.

    Attributes:
        state: ``none`` when there is no embedding and nobody waits for one.
        position: how many images come first, while it waits.
        error: why it failed.
    """

    state: State
    position: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class EncodeEvent:
    """Something became of an image.

    Attributes:
        seconds: that the encoding took, once it is ready; 0 when the embedding was there already.
        bytes: of the embedding, once it is ready.
    """

    image_sha256: str
    state: State
    error: str | None = None
    seconds: float | None = None
    bytes: int | None = None
