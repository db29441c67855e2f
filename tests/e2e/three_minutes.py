"""The page "From an empty machine to a COCO file" of the guide, walked step by step as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Page, expect

from tests.e2e.conftest import TIMEOUT

DOCUMENT = Path(__file__).parents[2] / "docs/guide/three-minutes.md"
COMMAND = re.compile(r"`\.venv/bin/limner (project export .+?)`")
# Of the photo that comes first, coffee.png: shares of its width and height. Each lies beside all candidates of those
# before it, whatever Tab brings: a click on an object that is kept selects that one.
OBJECTS = ((0.5, 0.5), (0.1, 0.1), (0.08, 0.9))

expect.set_options(timeout=TIMEOUT)


class Pace(Protocol):
    """How much time somebody takes."""

    def read(self, text: str) -> None:
        """A step of the page was read."""

    def act(self, kind: str) -> None:
        """Something is about to be done: ``point`` with the mouse and click, or press a ``key``."""

    def done(self, what: str) -> None:
        """What was waited for is there."""


class AtOnce:
    """Nobody reads and nobody thinks."""

    def read(self, text: str) -> None: ...

    def act(self, kind: str) -> None: ...

    def done(self, what: str) -> None: ...


def steps() -> list[str]:
    """The numbered steps, as they are written."""
    found = re.findall(r"^(\d+)\. (.+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    return [text for _, text in found]


def keys_of(step: str) -> dict[str, str]:
    """The keys that a step names, by their commands, as Playwright presses them."""
    named = re.findall(r'<kbd title="(\w+)">([^<]+)</kbd>', step)
    return {command: keys.replace(" ", "").replace("Ctrl", "Control").replace("+Z", "+z") for command, keys in named}


def names_of(step: str) -> list[str]:
    """What a step names in bold: links, buttons and words of the page."""
    return re.findall(r"\*\*(.+?)\*\*", step)


def walk(page: Page, link: str, pace: Pace | None = None) -> Path:
    """Follow the steps in a browser, with three objects; the last one is taken back and kept in another category.

    Args:
        page: a tab of a browser that has never been there.
        link: what a start prints.
        pace: how long somebody takes; by default no time at all.

    Returns:
        The file in the downloads.
    """
    pace = pace or AtOnce()
    first, second, third, fourth, fifth, sixth, seventh = steps()

    pace.read(first)
    (project,) = names_of(first)
    page.goto(link)
    page.get_by_role("heading", name="Projects").wait_for()
    pace.act("point")
    page.get_by_role("link", name=re.compile(project)).click()
    expect(page.get_by_role("list", name="Images").get_by_role("listitem")).to_have_count(12)
    pace.done("the photos of the project are there")

    pace.read(second)
    start, ready = names_of(second)
    pace.act("point")
    page.get_by_role("button", name=start).click()
    expect(page.get_by_role("contentinfo")).to_contain_text(ready)
    pace.done("the image is ready to annotate")

    pace.read(third)
    keys = keys_of(third)
    stage = page.get_by_role("application")
    count = page.get_by_test_id("object-count")
    for number, place in enumerate(OBJECTS, 1):
        _point(page, place, pace)
        page.mouse.click(*_at(page, place))
        candidates = page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Candidate"))
        candidates.first.wait_for()
        if number == 1:
            pace.act("key")
            page.keyboard.press(keys["cycle"])
        pace.act("key")
        page.keyboard.press(keys["category0"] if number == 1 else str(number))
        expect(count).to_have_text(str(number))
        pace.done(f"object {number} is kept")
        if number == 1:
            pace.read(fourth)
    pace.act("key")
    page.keyboard.press(keys_of(fourth)["undo"])
    expect(count).to_have_text("2")
    candidates.first.wait_for()  # it is drawn as it was before it was kept
    pace.act("key")
    page.keyboard.press("4")
    expect(count).to_have_text("3")
    pace.done("the last one was taken back and kept in another category")

    pace.read(fifth)
    heading = page.get_by_role("heading", level=1)
    name = heading.inner_text()
    pace.act("key")
    page.keyboard.press(keys_of(fifth)["submit"])
    expect(heading).not_to_have_text(name)
    stage.wait_for()
    pace.done("the next image is there")

    pace.read(sixth)
    export, chosen = names_of(sixth)
    pace.act("point")
    page.get_by_role("link", name=re.compile("Back to the images")).click()
    pace.act("point")
    page.get_by_role("button", name=export, exact=True).click()
    dialog = page.get_by_role("dialog", name=export)
    expect(dialog.get_by_role("radio", name=chosen)).to_be_checked()
    expect(
        dialog.get_by_role("radio", name=re.compile("COCO")).and_(dialog.get_by_role("radio", checked=True))
    ).to_have_count(1)
    expect(dialog).to_contain_text(re.compile(r"\b3 masks\b"))
    pace.done("the dialog says how many masks will be in the file")

    pace.read(seventh)
    (button,) = names_of(seventh)
    beginning, end = re.findall(r"`([^`]+)`", seventh)
    pace.act("point")
    with page.expect_download() as download:
        dialog.get_by_role("button", name=button, exact=True).click()
    assert re.fullmatch(rf"{beginning}\d{{4}}-\d\d-\d\d{end}", download.value.suggested_filename)
    path = Path(download.value.path())
    pace.done(f"{download.value.suggested_filename} is in the downloads")
    return path


def _at(page: Page, place: tuple[float, float]) -> tuple[float, float]:
    """Where on the screen a place of the image is, which is given in shares of its size."""
    stage = page.get_by_role("application")
    box = stage.bounding_box()
    assert box is not None
    scale, left, top = (float(stage.get_attribute(f"data-{each}") or 0) for each in ("scale", "x", "y"))
    size = re.search(r"(\d+) × (\d+)", page.get_by_role("banner").inner_text())
    assert size is not None
    width, height = map(int, size.groups())
    return box["x"] + left + place[0] * scale * width, box["y"] + top + place[1] * scale * height


def _point(page: Page, place: tuple[float, float], pace: Pace) -> None:
    """Move the mouse over the picture, so that the mask that a click would give is shown."""
    pace.act("point")
    page.mouse.move(*_at(page, place))
