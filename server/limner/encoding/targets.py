"""What this encoder has to do, has in hand and has failed on. Not thread-safe: the service locks.

Targets that somebody asks for wait here alone; those of bulk work are claimed from a queue, a few at a time, and only
the ones that are held wait here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.encoding.backlog import Backlog, Priority
from limner.encoding.ports import Claimed
from limner.encoding.states import EmbeddingState, EncodeEvent, Target
from limner.vocabulary.states import EmbeddingStateName

MAX_CRASHES = 2  # times that the process may die over a target before the target is given up
RETRY_AFTER = 30.0  # s, after which a failure that is not the image's fault may be tried again


@dataclass(frozen=True)
class _Failure:
    message: str
    expires: float | None  # time.monotonic() after which it may be tried again


@dataclass
class Counts:
    """Since the server started; ``seconds_per_image`` is a moving average over what was really encoded."""

    done: int = 0
    failed: int = 0
    seconds_per_image: float | None = None

    def add(self, seconds: float) -> None:
        """Count one that is done; 0 seconds when its embedding was there already."""
        self.done += 1
        if seconds:
            old = seconds if self.seconds_per_image is None else self.seconds_per_image
            self.seconds_per_image = 0.8 * old + 0.2 * seconds


class Targets:
    """Targets from the moment that they are asked for until their blob exists.

    Args:
        tell: hears what becomes of targets, in order.
    """

    def __init__(self, tell: Callable[[EncodeEvent], None]) -> None:
        self._tell_listener = tell
        self._backlog = Backlog[Target]()
        self._in_hand: dict[Target, Priority] = {}
        self._beside: Target | None = None  # of these, the one that is encoded at the same time as the others
        self._claimed: set[Target] = set()  # of bulk work, waiting or in hand
        self._crashes: dict[Target, int] = {}  # of the process, over a target
        self._failures: dict[Target, _Failure] = {}
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many targets wait."""
        return len(self._backlog)

    @property
    def in_hand(self) -> list[Target]:
        """What the encoder was given and has not answered."""
        return list(self._in_hand)

    @property
    def batch(self) -> list[Target]:
        """What the encoder has in hand, but for what is encoded beside it."""
        return [target for target in self._in_hand if target != self._beside]

    @property
    def beside(self) -> Target | None:
        """What is encoded at the same time as the batch in hand."""
        return self._beside

    @property
    def claimed_waiting(self) -> int:
        """How many targets of bulk work wait."""
        return len(self._claimed - self._in_hand.keys())

    def state(self, target: Target) -> EmbeddingState | None:
        """The state as far as memory knows it; None when the blob store has to be asked."""
        if target in self._in_hand:
            return EmbeddingState("encoding")
        if target in self._backlog:
            return EmbeddingState("waiting", position=len(self._in_hand) + self._backlog.position(target))
        failure = self._failures.get(target)
        if failure is not None and (failure.expires is None or failure.expires > time.monotonic()):
            return EmbeddingState("failed", error=failure.message)
        return None

    def add(self, target: Target, priority: Priority) -> None:
        """Have a target wait, or raise its priority."""
        if target not in self._in_hand and self._backlog.add(target, priority):
            self._failures.pop(target, None)
            if priority != "bulk":
                self._tell(target, "waiting")

    def hold(self, claimed: Sequence[Claimed]) -> None:
        """Have targets wait that were claimed."""
        for each in claimed:
            self._claimed.add(each.target)
            if each.suspect:
                self._crashes.setdefault(each.target, 1)
            self.add(each.target, each.priority)

    def keep_only(self, held: frozenset[Target]) -> None:
        """Forget what waits of bulk work but is no longer held, unless somebody asked for it too."""
        for target in self._claimed - held - self._in_hand.keys():
            self._claimed.discard(target)
            if self._backlog.priority(target) == "bulk":
                self._backlog.remove(target)

    def cancel(self, image_sha256: str) -> None:
        """Forget what of an image still waits."""
        for target in self._backlog.items():
            if target.image_sha256 == image_sha256:
                self._backlog.remove(target)
                self._claimed.discard(target)

    def may_take(self) -> bool:
        """Whether a batch may begin: none is in hand, and what is still encoded beside the last one need not be done
        first. What may kill the encoder waits for that; so does another model, which may have to take the place of the
        one that is at work.
        """
        if self.batch:
            return False
        first = self._backlog.first()
        if first is None or self._beside is None:
            return True
        return first[0] not in self._crashes and first[0].model_sha256 == self._beside.model_sha256

    def take(self, batch_size: int) -> list[Target]:
        """What to encode next, by one model, now in hand; nothing unless :meth:`may_take`. What people look at, and
        what may kill the encoder, goes alone.
        """
        taken: list[Target] = []
        if not self.may_take():
            return taken
        while len(taken) < batch_size and (first := self._backlog.first()):
            target, priority = first
            alone = priority == "look" or target in self._crashes
            if taken and (alone or target.model_sha256 != taken[0].model_sha256):
                break
            taken.append(self._take_first())
            if alone:
                break
        return taken

    def may_take_beside(self) -> bool:
        """Whether one more that somebody looks at, by the model of the batch in hand, could be encoded at the same
        time. If one waits here already, it is to begin first, or it may kill the encoder and has to wait for the batch.
        """
        first = self._backlog.first()
        waits = first is not None and first[1] == "look" and self._is_by_model_in_hand(first[0])
        return self._has_place_beside() and not waits

    def take_beside(self) -> Target | None:
        """What somebody looks at and is to be encoded at the same time as the batch in hand, by the same model."""
        first = self._backlog.first()
        if first is None or not self._has_place_beside():
            return None
        target, priority = first
        if priority != "look" or target in self._crashes or not self._is_by_model_in_hand(target):
            return None
        self._beside = self._take_first()
        return self._beside

    def following(self, count: int) -> list[Target]:
        """What will probably be taken next, at most so many.

        Nothing that may kill the encoder, and nothing beside what may: it must be clear what a crash was over.
        """
        if any(target in self._crashes for target in self._in_hand):
            return []
        return [target for target in self._backlog.items(count) if target not in self._crashes]

    def done(self, target: Target, seconds: float, size: int, ended: float | None = None) -> None:
        """The embedding is stored; ``ended`` as in :class:`~limner.encoding.states.EncodeEvent`."""
        self._put_down(target)
        self.counts.add(seconds)
        self._tell(target, "ready", seconds=seconds, size=size, ended=ended)

    def fail(self, target: Target, message: str, *, lasting: bool) -> None:
        """There is no embedding; ``lasting`` says that trying again is no use."""
        self._put_down(target)
        self._failures[target] = _Failure(message, None if lasting else time.monotonic() + RETRY_AFTER)
        self.counts.failed += 1
        self._tell(target, "failed", error=message, lasting=lasting)

    def crashed(self, cause: str) -> None:
        """The process is gone: what it had in hand waits again, unless it was lost over the same target before."""
        in_hand, self._in_hand, self._beside = self._in_hand, {}, None
        for target, priority in in_hand.items():
            crashes = self._crashes.pop(target, 0) + 1
            if len(in_hand) == 1 and crashes >= MAX_CRASHES:
                self.fail(target, f"The encoder process {cause} while it encoded this image.", lasting=True)
            else:
                self._crashes[target] = crashes
                self.add(target, priority)

    def give_back(self) -> None:
        """The process is gone, but not over what it had in hand: that waits again."""
        in_hand, self._in_hand, self._beside = self._in_hand, {}, None
        for target, priority in in_hand.items():
            self.add(target, priority)

    def fail_model(self, model_sha256: str, message: str) -> None:
        """Nothing can be encoded by this model now: what waits for it fails, and may be tried again later."""
        for target in (*self._in_hand, *self._backlog.items()):
            if target.model_sha256 == model_sha256:
                self._backlog.remove(target)
                self.fail(target, message, lasting=False)

    def next_model(self) -> str | None:
        """The model by which will be encoded what is taken next."""
        first = self._backlog.first()
        return first[0].model_sha256 if first else None

    def drop(self) -> None:
        """The service ends: what is in hand is given up."""
        self._in_hand.clear()
        self._beside = None

    def _has_place_beside(self) -> bool:
        """Nothing is encoded beside the batch, and nothing in hand may kill the encoder: else it would not be clear
        what a crash was over.
        """
        return bool(self._in_hand) and self._beside is None and self._crashes.keys().isdisjoint(self._in_hand)

    def _is_by_model_in_hand(self, target: Target) -> bool:
        return any(target.model_sha256 == each.model_sha256 for each in self._in_hand)

    def _take_first(self) -> Target:
        target, priority = self._backlog.pop()
        self._in_hand[target] = priority
        self._tell(target, "encoding")
        return target

    def _put_down(self, target: Target) -> None:
        self._in_hand.pop(target, None)
        if target == self._beside:
            self._beside = None
        self._claimed.discard(target)
        self._crashes.pop(target, None)

    def _tell(
        self,
        target: Target,
        state: EmbeddingStateName,
        *,
        error: str | None = None,
        seconds: float | None = None,
        size: int | None = None,
        lasting: bool = False,
        ended: float | None = None,
    ) -> None:
        self._tell_listener(EncodeEvent(target, state, error, seconds, size, lasting, ended))
