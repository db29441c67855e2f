"""What the encoder's service needs of others, and what others may hear from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from limner.encoding.states import EncodeEvent, EncodingStatus, Target


@dataclass(frozen=True)
class Claimed:
    """A target of bulk work that this encoder holds now.

    Attributes:
        suspect: an encoder was lost over it before; it is encoded alone.
    """

    target: Target
    suspect: bool = False


class BulkQueue(Protocol):
    """Where targets come from that nobody looks at, and where it is written down what became of every target.

    Called in one thread of the service. What raises is tried again later, with the same arguments.
    """

    def claim(self, count: int) -> Sequence[Claimed]:
        """At most so many targets, under a lease."""
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


class NoBulk:
    """Nothing but what is looked at, and nothing is written down."""

    def claim(self, count: int) -> Sequence[Claimed]:
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


class Subscriber(Protocol):
    """Hears what happens, in order, in one thread of the service. What it raises is logged, and the news is lost."""

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        """Something became of targets."""
        ...

    def on_status(self, status: EncodingStatus) -> None:
        """The encoder itself is in another state."""
        ...
