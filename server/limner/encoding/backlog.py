"""What waits for the encoder, in the order in which it will be encoded. Pure and not thread-safe: the service locks."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Generic, Literal, TypeVar

Priority = Literal["look", "prefetch", "bulk"]

_RANK: dict[Priority, int] = {"look": 0, "prefetch": 1, "bulk": 2}
_PRIORITIES: tuple[Priority, ...] = ("look", "prefetch", "bulk")
_Key = tuple[int, int]  # rank, then order within it
T = TypeVar("T")  # what waits; hashable


class Backlog(Generic[T]):
    """Things by priority: the one looked at last comes first, then prefetched ones, then bulk work as it was claimed.

    >>> backlog = Backlog[str]()
    >>> for name, priority in [("a", "bulk"), ("b", "look"), ("c", "prefetch"), ("d", "look")]:
    ...     _ = backlog.add(name, priority)
    >>> backlog.position("a")
    3
    >>> [backlog.pop()[0] for _ in range(4)]
    ['d', 'b', 'c', 'a']
    """

    def __init__(self) -> None:
        self._keys: list[_Key] = []  # sorted
        self._items: dict[_Key, T] = {}
        self._key_of: dict[T, _Key] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item: object) -> bool:
        return item in self._key_of

    def items(self, count: int | None = None) -> list[T]:
        """What waits, in order; the first ``count`` of it, if given."""
        return [self._items[key] for key in self._keys[:count]]

    def add(self, item: T, priority: Priority) -> bool:
        """Add an item, or raise its priority; asking again with a lower one changes nothing.

        Returns:
            True when it was not waiting before.
        """
        old = self._key_of.get(item)
        rank = _RANK[priority]
        if old is not None:
            if old[0] < rank or (old[0] == rank and rank > 0):
                return False
            self.remove(item)
        self._count += 1
        key = (rank, -self._count if priority == "look" else self._count)
        insort(self._keys, key)
        self._items[key] = item
        self._key_of[item] = key
        return old is None

    def remove(self, item: T) -> bool:
        """Forget an item; False when it was not waiting."""
        key = self._key_of.pop(item, None)
        if key is None:
            return False
        del self._keys[bisect_left(self._keys, key)]
        del self._items[key]
        return True

    def position(self, item: T) -> int:
        """How many items come before this one.

        Raises:
            KeyError: when it is not waiting.
        """
        return bisect_left(self._keys, self._key_of[item])

    def priority(self, item: T) -> Priority | None:
        """The priority of an item; None when it does not wait."""
        key = self._key_of.get(item)
        return None if key is None else _PRIORITIES[key[0]]

    def first(self) -> tuple[T, Priority] | None:
        """What comes next, or None."""
        return (self._items[self._keys[0]], _PRIORITIES[self._keys[0][0]]) if self._keys else None

    def pop(self) -> tuple[T, Priority]:
        """Take what comes next.

        Raises:
            IndexError: when nothing waits.
        """
        item, priority = self._items[self._keys[0]], _PRIORITIES[self._keys[0][0]]
        self.remove(item)
        return item, priority
