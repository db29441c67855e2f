"""What the encoder's service needs of others, and what others may hear from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from limner.encoding.backlog import Priority
from limner.encoding.states import EmbeddingState, EncodeEvent, EncodingStatus, Target
from limner.models.manifest import Manifest
from limner.vocabulary.geometry import Region

WorkNews = Literal["asked", "jobs"]  # somebody asked for an embedding; jobs were started, paused or cancelled


class Encoder(Protocol):
    """The encoder as those see it who want embeddings: in this process, or shared by many through the database.

    All methods may be called from any thread.
    """

    @property
    def model_sha256(self) -> str:
        """Of the weights in use.

        Raises:
            MissingWeights: when the model is not installed.
        """
        ...

    def start(self) -> None:
        """Begin; returns at once."""
        ...

    def stop(self) -> None:
        """End, and wait until what belongs to this process is gone."""
        ...

    def request(self, image_sha256: str, priority: Priority, region: Region | None = None) -> EmbeddingState:
        """Ask for an embedding, or raise the priority of one that waits. The newest ``look`` comes first."""
        ...

    def queued(self, image_sha256s: Collection[str]) -> Mapping[str, EmbeddingState]:
        """Where the whole of those images stands that were asked for and are not done. Looks into no blob store."""
        ...

    def state(self, image_sha256: str) -> EmbeddingState:
        """Where the whole of an image stands, by its blob; asks for nothing."""
        ...

    def cancel(self, image_sha256: str) -> None:
        """Forget that an image, or regions of it, were asked for, when they still wait."""
        ...

    def look_again(self) -> None:
        """Jobs were started, paused, resumed or cancelled: act on it now rather than at the next heartbeat."""
        ...

    def on_work(self, news: WorkNews) -> None:
        """Another process has work for those who encode: act on it now rather than when it is found."""
        ...

    def status(self) -> EncodingStatus:
        """What people want to know about the encoder."""
        ...

    def trouble(self) -> str | None:
        """Why nothing is being encoded; None as long as an encoder runs or starts."""
        ...

    def manifest(self) -> Manifest | None:
        """The model's manifest; None until its graphs are there."""
        ...

    def graph_path(self, name: str) -> Path:
        """The file of the graph ``prepare`` or ``decode``.

        Raises:
            NotFound: for any other name.
            Unavailable: while the graphs are being exported.
        """
        ...


@dataclass(frozen=True)
class Claimed:
    """A target that was taken from the queue and that this encoder holds now.

    Attributes:
        priority: with which it waits here.
        suspect: an encoder was lost over it before; it is encoded alone.
    """

    target: Target
    priority: Priority = "bulk"
    suspect: bool = False


class BulkQueue(Protocol):
    """Where targets come from that this process was not asked for, and where it is written down what became of all.

    Called in one thread of the service. What raises is tried again later, with the same arguments.
    """

    def enter(self) -> None:
        """Begin. What an earlier process of the same name still holds is lost."""
        ...

    def claim(self, count: int, *, urgent: bool = False) -> Sequence[Claimed]:
        """At most so many targets, under a lease; ``urgent``: only what somebody waits for, in another process."""
        ...

    def heartbeat(self) -> Collection[Target]:
        """Extend the leases, and say what is still held."""
        ...

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        """Write down which targets are ready or failed, claimed or not; twice does no harm."""
        ...

    def release(self) -> None:
        """Give back what is held."""
        ...

    def follow(self, trouble: str | None) -> None:
        """Nothing can be encoded for this reason; None: it can. Said again and again, not only when it changes."""
        ...

    def report(self, status: EncodingStatus) -> None:
        """How this encoder stands, for other processes. Said again and again, not only when it changes."""
        ...

    def leave(self) -> None:
        """End."""
        ...


class NoBulk:
    """Nothing but what is looked at, and nothing is written down."""

    def enter(self) -> None:
        """Nothing."""

    def claim(self, count: int, *, urgent: bool = False) -> Sequence[Claimed]:
        """Nothing."""
        return ()

    def heartbeat(self) -> Collection[Target]:
        """Nothing."""
        return ()

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""

    def follow(self, trouble: str | None) -> None:
        """Nothing."""

    def report(self, status: EncodingStatus) -> None:
        """Nothing."""

    def leave(self) -> None:
        """Nothing."""


class Subscriber(Protocol):
    """Hears what happens, in order, in one thread of the service. What it raises is logged, and the news is lost."""

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        """Something became of targets."""
        ...

    def on_status(self, status: EncodingStatus) -> None:
        """The encoder itself is in another state."""
        ...
