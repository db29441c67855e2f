"""The garbage collector while a program starts."""

import gc
import subprocess
import sys

import pytest

from limner.startup import made_to_stay


def run(program: str) -> str:
    """What is frozen stays so for the rest of a process: each of these tests has one of its own."""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_what_is_made_at_the_start_is_not_looked_through_again() -> None:
    assert run("""
import gc
from limner.startup import made_to_stay
gc.unfreeze()
with made_to_stay():
    assert not gc.isenabled()
    kept = [[number] for number in range(100_000)]
print(gc.isenabled(), gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 10_000)
""").split() == ["True", "True", "True"]


def test_the_collector_works_again_after_a_start_that_failed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        with pytest.raises(OSError, match="no such port"), made_to_stay():
            raise OSError("no such port")
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    assert run("""
import gc
from limner.startup import made_to_stay
gc.disable()
with made_to_stay():
    pass
print(gc.isenabled())
""").split() == ["False"]
