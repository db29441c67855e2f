"""Waiting for what no locator can see: bounded, and saying what did not come."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page

from tests.e2e.conftest import TIMEOUT


def wait_until(page: Page, condition: Callable[[], object], what: str, pause: int = 20) -> None:
    """Let the page go on until ``condition`` holds, which is asked every ``pause`` ms.

    Raises:
        AssertionError: ``what`` was still not so after ``TIMEOUT``.
    """
    deadline = time.monotonic() + TIMEOUT / 1000
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {TIMEOUT / 1000:.0f} s"
        page.wait_for_timeout(pause)


def wait_for_answers(page: Page, pause: int = 500) -> None:
    """Let the page go on until nothing more was loaded for ``pause`` ms.

    Playwright's ``networkidle`` also waits for the stream of events, which never ends: it holds only where that begins
    late.
    """
    before = -1
    while (loaded := page.evaluate("() => performance.getEntriesByType('resource').length")) != before:
        before = loaded
        page.wait_for_timeout(pause)
