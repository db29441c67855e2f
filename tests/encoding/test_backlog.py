"""The order in which images are encoded, held to a plain sort."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from limner.encoding import backlog as backlog_module
from limner.encoding.backlog import Backlog, Priority

RANK = {"look": 0, "prefetch": 1, "bulk": 2}
IMAGES = st.sampled_from("abcdefgh")
STEPS = st.lists(st.tuples(st.sampled_from(["look", "prefetch", "bulk", "remove"]), IMAGES), max_size=60)


def test_the_example_in_the_documentation() -> None:
    assert doctest.testmod(backlog_module).failed == 0


@given(STEPS)
def test_the_order_is_that_of_a_plain_sort(steps: list[tuple[Priority, str]]) -> None:
    backlog = Backlog()
    keys: dict[str, tuple[int, int]] = {}
    for number, (action, image) in enumerate(steps):
        if action == "remove":  # type: ignore[comparison-overlap]
            assert backlog.remove(image) == (keys.pop(image, None) is not None)
            continue
        rank = RANK[action]
        assert backlog.add(image, action) == (image not in keys)
        if image not in keys or rank < keys[image][0] or rank == 0:
            keys[image] = (rank, -number if rank == 0 else number)
    expected = sorted(keys, key=lambda image: keys[image])
    assert len(backlog) == len(expected)
    assert [backlog.position(image) for image in expected] == list(range(len(expected)))
    popped = []
    while backlog:
        assert backlog.first() is not None
        popped.append(backlog.pop()[0])
    assert popped == expected
    assert backlog.first() is None
