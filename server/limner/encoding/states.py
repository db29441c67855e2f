"""What is encoded, and where it stands on its way through the encoder, as everybody outside this package sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from limner.vocabulary.geometry import Region

State = Literal["none", "waiting", "encoding", "ready", "failed"]


@dataclass(frozen=True)
class Target:
    """What the encoder is asked for: an image, or a region of it on its own."""

    image_sha256: str
    region: Region | None = None


@dataclass(frozen=True)
class EmbeddingState:
    """Where a target stands.

    Attributes:
        state: ``none`` when there is no embedding and nobody waits for one.
        position: how many targets come first, while it waits.
        error: why it failed.
    """

    state: State
    position: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class EncodeEvent:
    """Something became of a target.

    Attributes:
        region: of the image; None for the whole.
        seconds: that the encoding took, once it is ready; 0 when the embedding was there already.
        bytes: of the embedding, once it is ready.
    """

    image_sha256: str
    state: State
    error: str | None = None
    seconds: float | None = None
    bytes: int | None = None
    region: Region | None = None
