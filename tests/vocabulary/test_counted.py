"""Numbers with the words for what they count."""

from __future__ import annotations

import pytest

from limner.vocabulary.counted import counted


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (2, "image", "2 images"),
        (1, "category", "1 category"),
        (12, "category", "12 categories"),
        (2, "key", "2 keys"),
        (3, "class", "3 classes"),
        (2, "box", "2 boxes"),
        (2, "doubtful mask", "2 doubtful masks"),
    ],
)
def test_one_is_said_of_one_only(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said
