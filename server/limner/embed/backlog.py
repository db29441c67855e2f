"""What waits for the encoder, in the order in which it will be encoded. Pure and not thread-safe: the service locks."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Literal

Priority = Literal["look", "prefetch", "precompute"]

_RANK: dict[Priority, int] = {"look": 0, "prefetch": 1, "precompute": 2}
_PRIORITIES: tuple[Priority, ...] = ("look", "prefetch", "precompute")
_Key = tuple[int, int]  # rank, then order within it


class Backlog:
    """Images by priority: the one looked at last comes first, then prefetched ones, then the rest as it was asked for.

    >>> backlog = Backlog()
    >>> for name, priority in [("a", "precompute"), ("b", "look"), ("c", "prefetch"), ("d", "look")]:
    ...     _ = backlog.add(name, priority)
    >>> backlog.position("a")
    3
    >>> [backlog.pop()[0] for _ in range(4)]
    ['d', 'b', 'c', 'a']
    """

    def __init__(self) -> None:
        self._keys: list[_Key] = []  # sorted
        self._images: dict[_Key, str] = {}
        self._key_of: dict[str, _Key] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, image_sha256: str) -> bool:
        return image_sha256 in self._key_of

    def add(self, image_sha256: str, priority: Priority) -> bool:
        """Add an image, or raise its priority; asking again with a lower one changes nothing.

        Returns:
            True when the image was not waiting before.
        """
        old = self._key_of.get(image_sha256)
        rank = _RANK[priority]
        if old is not None:
            if old[0] < rank or (old[0] == rank and rank > 0):
                return False
            self.remove(image_sha256)
        self._count += 1
        key = (rank, -self._count if priority == "look" else self._count)
        insort(self._keys, key)
        self._images[key] = image_sha256
        self._key_of[image_sha256] = key
        return old is None

    def remove(self, image_sha256: str) -> bool:
        """Forget an image; False when it was not waiting."""
        key = self._key_of.pop(image_sha256, None)
        if key is None:
            return False
        del self._keys[bisect_left(self._keys, key)]
        del self._images[key]
        return True

    def position(self, image_sha256: str) -> int:
        """How many images come before this one.

        Raises:
            KeyError: when it is not waiting.
        """
        return bisect_left(self._keys, self._key_of[image_sha256])

    def first(self) -> tuple[str, Priority] | None:
        """What comes next, or None."""
        return (self._images[self._keys[0]], _PRIORITIES[self._keys[0][0]]) if self._keys else None

    def pop(self) -> tuple[str, Priority]:
        """Take what comes next.

        Raises:
            IndexError: when nothing waits.
        """
        image_sha256, priority = self._images[self._keys[0]], _PRIORITIES[self._keys[0][0]]
        self.remove(image_sha256)
        return image_sha256, priority
