"""What the encoder's service needs of others, and what others may hear from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from limner.encoding.backlog import Priority
from limner.encoding.states import EmbeddingState, EncodeEvent, EncodingStatus, Target
from limner.models.manifest import Manifest

WorkKind = Literal["asked", "jobs", "prepare"]


@dataclass(frozen=True)
class JobNews:
    """What another process has for those who encode.

    Attributes:
        kind: somebody asked for an embedding; jobs were started, paused or cancelled; a model's graphs are wanted.
        model_sha256: of the model whose graphs are wanted.
    """

    kind: WorkKind
    model_sha256: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.model_sha256}".rstrip()

    @classmethod
    def parse(cls, text: str) -> JobNews:
        """What :meth:`__str__` made; what another version may say besides counts as ``asked``."""
        kind, _, model_sha256 = text.partition(" ")
        match kind:
            case "jobs":
                return cls("jobs")
            case "prepare":
                return cls("prepare", model_sha256)
            case _:
                return cls("asked")


class Encoder(Protocol):
    """The encoder as those see it who want embeddings: in this process, or shared by many through the database.

    All methods may be called from any thread.
    """

    @property
    def model_sha256(self) -> str:
        """Of the weights that the installation uses.

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

    def request(self, target: Target, priority: Priority) -> EmbeddingState:
        """Ask for an embedding, or raise the priority of one that waits. The newest ``look`` comes first."""
        ...

    def queued(self, targets: Collection[Target]) -> Mapping[Target, EmbeddingState]:
        """Where those of these targets stand that were asked for and are not done. Looks into no blob store."""
        ...

    def state(self, target: Target) -> EmbeddingState:
        """Where a target stands, by its blob; asks for nothing."""
        ...

    def cancel(self, image_sha256: str) -> None:
        """Forget that an image, or regions of it, were asked for by any model, when they still wait."""
        ...

    def look_again(self) -> None:
        """Jobs were started, paused, resumed or cancelled: act on it now rather than at the next heartbeat."""
        ...

    def on_job_news(self, news: JobNews) -> None:
        """Another process has work for those who encode: act on it now rather than when it is found."""
        ...

    def status(self) -> EncodingStatus:
        """What people want to know about the encoder."""
        ...

    def trouble(self) -> str | None:
        """Why nothing is being encoded; None as long as an encoder runs or starts."""
        ...

    def manifest(self, model_sha256: str) -> Manifest | None:
        """A model's manifest; None until its graphs are there, which is seen to now.

        Raises:
            Unavailable: the model cannot be used; says why.
        """
        ...

    def graph_path(self, model_sha256: str, name: str) -> Path:
        """The file of a model's graph ``prepare`` or ``decode``.

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

    def claim(
        self, count: int, *, urgent: bool = False, leave_looks: bool = False, looks_of: str | None = None
    ) -> Sequence[Claimed]:
        """At most so many targets, all by one model, under a lease.

        Args:
            count: most targets to take.
            urgent: only what another process waits for.
            leave_looks: not what somebody looks at: another encoder may be free for it sooner.
            looks_of: nothing but what somebody looks at through another process, by the model with these weights.
        """
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

    def follow(self, trouble: str | None, unusable: Mapping[str, str]) -> None:
        """Nothing can be encoded for this reason; None: it can, but not by the models in ``unusable``, which says why.

        Said again and again, not only when it changes.
        """
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

    def claim(
        self, count: int, *, urgent: bool = False, leave_looks: bool = False, looks_of: str | None = None
    ) -> Sequence[Claimed]:
        """Nothing."""
        return ()

    def heartbeat(self) -> Collection[Target]:
        """Nothing."""
        return ()

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        """Nothing."""

    def release(self) -> None:
        """Nothing."""

    def follow(self, trouble: str | None, unusable: Mapping[str, str]) -> None:
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
