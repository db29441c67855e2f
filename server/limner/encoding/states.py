"""What is encoded, and where it stands on its way through the encoder, as everybody outside this package sees it."""

from __future__ import annotations

from dataclasses import dataclass

from limner.vocabulary.geometry import Region
from limner.vocabulary.states import EmbeddingStateName, EncoderStateName


@dataclass(frozen=True)
class Target:
    """What the encoder is asked for: an image, or a region of it on its own, by one model."""

    image_sha256: str
    model_sha256: str
    region: Region | None = None


@dataclass(frozen=True)
class EmbeddingState:
    """Where a target stands.

    Attributes:
        state: ``none`` when there is no embedding and nobody waits for one.
        position: how many targets come first, while it waits.
        error: why it failed.
    """

    state: EmbeddingStateName
    position: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class EncodeEvent:
    """Something became of a target.

    Attributes:
        seconds: that the encoding took, once it is ready; 0 when the embedding was there already.
        bytes: of the embedding, once it is ready.
        lasting: it failed, and trying again is no use.
        ended: when the encoding had ended, in seconds since 1970, where there was one.
    """

    target: Target
    state: EmbeddingStateName
    error: str | None = None
    seconds: float | None = None
    bytes: int | None = None
    lasting: bool = False
    ended: float | None = None


@dataclass(frozen=True)
class ProcessStatus:
    """The encoder's process.

    Attributes:
        message: what a person should know: what the start is busy with, or why it does not run.
        threads: of the CPU.
    """

    state: EncoderStateName
    message: str
    threads: int | None


@dataclass(frozen=True)
class QueueStatus:
    """What this encoder has to do and, since the server started, has done.

    Attributes:
        encoding_image_sha256: the first image in hand.
        seconds_per_image: a moving average over what was really encoded.
    """

    waiting: int
    running: int
    done: int
    failed: int
    encoding_image_sha256: str | None
    seconds_per_image: float | None


@dataclass(frozen=True)
class EncodingStatus:
    """What people want to know about the encoder."""

    device: str
    model: str
    model_sha256: str | None
    encoder: ProcessStatus
    queue: QueueStatus
