"""Fingers and pens on the stage, as Chromium tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

Place = tuple[float, float]


class Fingers:
    """One hand on the screen; places are CSS pixels of the page."""

    def __init__(self, devtools: CDPSession) -> None:
        self.devtools = devtools

    def _send(self, kind: str, *places: Place) -> None:
        points: list[dict[str, Any]] = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(places)]
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def down(self, *places: Place) -> None:
        self._send("touchStart", *places)

    def move(self, *places: Place) -> None:
        self._send("touchMove", *places)

    def up(self) -> None:
        self._send("touchEnd")

    def tap(self, place: Place) -> None:
        self.down(place)
        self.up()

    def drag(self, start: Place, end: Place) -> None:
        self.down(start)
        for share in (0.3, 0.6, 1.0):
            self.move((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
        self.up()

    def pen(self, kind: str, place: Place, force: float = 0.5) -> None:
        event = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        self.devtools.send("Input.dispatchMouseEvent", {**event, "pointerType": "pen", "force": force})


@pytest.fixture
def fingers(page: Page) -> Iterator[Fingers]:
    devtools = page.context.new_cdp_session(page)
    yield Fingers(devtools)
    devtools.detach()


def view(work: AnnotatePage) -> dict[str, float]:
    """Scale and offset of the image on the stage."""
    return {name: float(work.stage.get_attribute(f"data-{name}") or "nan") for name in ("scale", "x", "y")}


def test_fingers_tap_drag_rest_and_pinch(project: Project, page: Page, fingers: Fingers) -> None:
    work = AnnotatePage(page, project, "cat.png")
    undo = page.get_by_role("button", name="Undo")
    before = view(work)
    centre = work.at(work.width / 2, work.height / 2)
    left, right = (centre[0] - 50, centre[1]), (centre[0] + 50, centre[1])
    fingers.down(left, right)
    fingers.move((left[0] - 25, left[1] + 20), (right[0] + 25, right[1] + 20))
    fingers.move((left[0] - 50, left[1] + 40), (right[0] + 50, right[1] + 40))
    fingers.up()
    after = view(work)
    assert after["scale"] == pytest.approx(2 * before["scale"], rel=0.02)
    # What was between the fingers is between them still.
    stage = work.stage.bounding_box()
    assert stage is not None
    x, y = centre[0] - stage["x"], centre[1] - stage["y"]
    assert x - after["x"] == pytest.approx(2 * (x - before["x"]), abs=4)
    assert y + 40 - after["y"] == pytest.approx(2 * (y - before["y"]), abs=4)
    expect(undo).to_be_disabled()  # no point was set
    page.keyboard.press("Home")

    fingers.tap(work.at(200, 150))
    expect(work.candidates).to_have_count(3)
    fingers.down(work.at(20, 20))
    page.wait_for_timeout(800)  # longer than a finger has to rest
    expect(page.get_by_role("button", name="Best fit")).to_be_visible()  # a second point, without letting go
    fingers.up()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Best fit")).to_be_hidden()
    page.keyboard.press("Escape")
    fingers.drag(work.at(60, 40), work.at(380, 260))
    expect(page.get_by_role("button", name="Best fit")).to_be_visible()  # a box
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)


def test_a_palm_beside_the_pen_draws_nothing(project: Project, page: Page, fingers: Fingers) -> None:
    work = AnnotatePage(page, project, "cat.png")
    page.keyboard.press("b")
    work.leave()
    empty = work.picture()
    fingers.pen("mousePressed", work.at(100, 80))
    fingers.down(work.at(300, 250))
    fingers.move(work.at(330, 250))
    fingers.pen("mouseMoved", work.at(160, 80))
    fingers.move(work.at(380, 250))
    fingers.pen("mouseReleased", work.at(160, 80))
    fingers.up()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.leave()
    wait_until(page, lambda: bool(work.shown_mask(empty)[80, 130]), "what the pen drew is shown")
    rows, columns = np.nonzero(work.shown_mask(empty))
    assert columns.max() < 200
    assert rows.max() < 120
    fingers.drag(work.at(300, 250), work.at(380, 250))  # the pen is gone: fingers paint again
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(2)
