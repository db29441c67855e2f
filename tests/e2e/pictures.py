"""The pictures of README and guide, made from the running product.

``python -m tests.e2e.pictures`` (``make pictures``) starts a demo server of its own, has three people work in its
project as the guide says, and writes ``docs/images/NAME.jpg`` for each of :data:`PICTURES`. With ``--only NAME`` the
others stay as they are. Everything is done with mouse and keys in a real Chromium, so that a picture that can no longer
be made stops the script.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image as Picture
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from sqlalchemy import select

from limner.access import ProjectRole
from limner.store.accounts import create_login_link
from limner.store.people import add_person, set_member
from limner.store.tables import Image, User
from tests.e2e.api import Api, database_of, sign_in_link
from tests.e2e.conftest import TIMEOUT
from tests.e2e.gauges import launch
from tests.e2e.server import LimnerServer, start_server, stop_server

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PICTURES = (
    "drawing",
    "selected",
    "phone",
    "suggestions",
    "gallery",
    "review",
    "verify",
    "export",
    "people",
    "models",
)
QUALITY = 80  # of JPEG
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SETTINGS = """if (localStorage.getItem("limner-view") === null)
    localStorage.setItem("limner-view", JSON.stringify({ coached: true, theme: "light" }));"""
DEMO = 1  # number of the demo project

expect.set_options(timeout=TIMEOUT)

Point = tuple[float, float]  # (x, y) in pixels of the image
Box = tuple[float, float, float, float]  # its corners: left, top, right, bottom


@dataclass(frozen=True)
class Thing:
    """An object of a photo: how it is pointed at, and the digit of its category.

    Attributes:
        prompts: points that belong to it, or boxes around it.
        candidate: which of the model's answers to a single point it is; None: the one that is shown first.
    """

    prompts: Sequence[Point | Box]
    digit: str
    candidate: str | None = None


ANIMAL, PERSON, VEHICLE, THING = "1", "2", "3", "5"
COINS = [(45, 55), (100, 55), (155, 53), (215, 53), (276, 55), (335, 44)]
COINS += [(43, 124), (104, 125), (153, 125), (206, 123), (270, 120), (337, 125)]
COINS += [(43, 194), (104, 194), (155, 194), (212, 190), (272, 194), (347, 185)]
WORK = {
    "coffee.png": [Thing([(75, 60, 515, 395)], THING)],
    "cat.png": [Thing([(225, 150), (120, 150), (250, 270)], ANIMAL)],
    "rocket.jpg": [Thing([(295, 130, 345, 330)], VEHICLE)],
    "horse.png": [Thing([(200, 120)], ANIMAL)],
    "photographer.png": [Thing([(170, 250)], PERSON)],
    "astronaut.png": [Thing([(30, 2, 400, 510)], PERSON), Thing([(305, 335, 430, 510)], THING)],
    "coins.png": [Thing([(x - 22, y - 22, x + 22, y + 22)], THING) for x, y in COINS[:7]],
}
APPROVED, SUBMITTED, RETURNED = ("coffee.png", "rocket.jpg"), ("cat.png", "horse.png"), "photographer.png"


class Studio:
    """A server with people in it, and the pictures that were taken of it."""

    def __init__(self, browser: Browser, server: LimnerServer, wanted: Sequence[str]) -> None:
        self.server = server
        self.taken: list[str] = []
        self._browser = browser
        self._wanted = wanted
        with database_of(server) as session:
            images = session.execute(select(Image.file_name, Image.id).where(Image.project_id == DEMO))
            self._images = {each.file_name: each.id for each in images}

    def person(self, name: str, role: ProjectRole) -> str:
        """Somebody new in the demo project; a link that signs them in."""
        with database_of(self.server) as session:
            user = session.get_one(User, add_person(session, name, "member").id)
            set_member(session, DEMO, user, role)
            return f"{self.server.address}/login#token={create_login_link(session, user)}"

    def tab(self, link: str, size: ViewportSize = DESK, *, fingers: bool = False) -> Page:
        """A browser of their own for whoever the link signs in."""
        context = self._browser.new_context(
            viewport=size, has_touch=fingers, is_mobile=fingers, locale="en-US", reduced_motion="reduce"
        )
        context.set_default_timeout(TIMEOUT)
        context.add_init_script(SETTINGS)
        page = context.new_page()
        page.goto(link)
        page.get_by_role("heading", name="Projects").wait_for()
        return page

    def open(self, page: Page, name: str) -> None:
        page.goto(f"{self.server.address}/projects/{DEMO}/images/{self._images[name]}")
        page.get_by_role("heading", name=name).wait_for()
        expect(page.get_by_role("contentinfo")).to_contain_text("Ready")

    def visit(self, page: Page, path: str) -> None:
        page.goto(self.server.address + path)
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_load_state("networkidle")

    def take(self, page: Page, name: str) -> None:
        """What the tab shows now."""
        page.wait_for_timeout(700)  # messages and marks have come to rest
        self.taken.append(name)
        if name in self._wanted:
            picture = Picture.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.save(FOLDER / f"{name}.jpg", quality=QUALITY, optimize=True, progressive=True)
            click.echo(
                f"{name}.jpg  {picture.width} × {picture.height}  {(FOLDER / f'{name}.jpg').stat().st_size:,} bytes"
            )


def place(page: Page, x: float, y: float) -> Point:
    """Where a pixel of the image is on the screen."""
    stage = page.get_by_role("application")
    box = stage.bounding_box()
    assert box is not None
    scale, left, top = (float(stage.get_attribute(f"data-{each}") or 0) for each in ("scale", "x", "y"))
    return box["x"] + left + x * scale, box["y"] + top + y * scale


def point(page: Page, prompt: Point | Box) -> None:
    """Click a point, or drag a box."""
    page.mouse.move(*place(page, *prompt[:2]))
    page.mouse.down()
    if len(prompt) == 4:
        page.mouse.move(*place(page, *prompt[2:]), steps=5)
    page.mouse.up()
    page.get_by_role("region", name="Candidates").get_by_role(
        "button", name=re.compile("Candidate|Best")
    ).first.wait_for()
    page.wait_for_timeout(300)  # the answer to this prompt is on the screen


def draw(page: Page, thing: Thing) -> None:
    """Draw an object and keep it."""
    rows = page.get_by_test_id("object-count")
    before = rows.inner_text()
    for prompt in thing.prompts:
        point(page, prompt)
    if thing.candidate is not None:
        page.get_by_role("button", name=re.compile(f"Candidate: {thing.candidate}")).click()
    page.keyboard.press(thing.digit)
    expect(rows).not_to_have_text(before)


def saved(page: Page) -> None:
    expect(page.get_by_test_id("save-state")).to_have_text("Saved")


def annotate(studio: Studio, page: Page) -> None:
    """All of :data:`WORK`, submitted as far as it is to be reviewed."""
    for name, things in WORK.items():
        studio.open(page, name)
        for thing in things:
            draw(page, thing)
        saved(page)
        if name in (*APPROVED, *SUBMITTED, RETURNED):
            page.get_by_role("button", name="Submit", exact=True).click()
            page.get_by_role("log").get_by_text(f"{name} is submitted").wait_for()
            saved(page)


def pictures_of_drawing(studio: Studio, page: Page) -> None:
    studio.open(page, "coins.png")
    x, y = COINS[8]
    point(page, (x, y))
    page.mouse.move(*place(page, x + 3, y + 5))
    studio.take(page, "drawing")
    page.keyboard.press("Escape")
    page.mouse.click(*place(page, *COINS[1]))
    page.get_by_role("region", name="Objects").get_by_role("button", pressed=True).first.wait_for()
    studio.take(page, "selected")
    page.keyboard.press("Escape")


def picture_of_a_phone(studio: Studio, link: str) -> None:
    page = studio.tab(link, PHONE, fingers=True)
    studio.open(page, "coins.png")
    page.touchscreen.tap(*place(page, *COINS[9]))
    page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Candidate")).first.wait_for()
    studio.take(page, "phone")
    page.context.close()


def picture_of_suggestions(studio: Studio, page: Page) -> None:
    studio.open(page, "coins.png")
    page.get_by_role("button", name=re.compile("Find everything")).click()
    expect(page.get_by_test_id("suggestion-counts")).to_contain_text(re.compile(r"\d+ shown"))
    page.mouse.move(*place(page, *COINS[14]))
    studio.take(page, "suggestions")


def review(studio: Studio, page: Page) -> None:
    """Approve, return, and look at what waits."""
    for name in APPROVED:
        studio.open(page, name)
        page.get_by_role("button", name="Approve").click()
        saved(page)
        page.wait_for_timeout(500)
    studio.open(page, RETURNED)
    page.get_by_role("button", name="Return…").click()
    page.get_by_role("textbox", name="What is left to do").fill("the tripod is missing")
    page.get_by_role("button", name="Return", exact=True).click()
    saved(page)
    studio.open(page, SUBMITTED[0])
    studio.take(page, "review")
    studio.visit(page, f"/projects/{DEMO}/verification")
    crops = page.get_by_role("list", name="Masks").get_by_role("listitem")
    expect(crops.first.locator("img")).to_have_js_property("complete", value=True)
    for key in "rrrwrr":
        page.keyboard.press(key)
    expect(page.get_by_test_id("rate")).not_to_contain_text("saving")
    studio.take(page, "verify")


def pictures_of_managing(studio: Studio, page: Page) -> None:
    api = Api(studio.server)
    api.post(f"/projects/{DEMO}/jobs", json.dumps({"kind": "precompute"}).encode())
    studio.visit(page, f"/projects/{DEMO}")
    page.get_by_text("Every image opens without a wait.").wait_for()
    for masks in page.locator("img.masks").all():
        page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=masks.element_handle())
    studio.take(page, "gallery")
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_role("radio", name="With masks").check()
    dialog.get_by_text("By category").wait_for()
    studio.take(page, "export")
    studio.visit(page, "/people")
    page.get_by_label("Invite to").select_option(label="Demo")
    page.get_by_label("For whom").fill("Katherine")
    studio.take(page, "people")
    studio.visit(page, "/models")
    studio.take(page, "models")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PICTURES, help="by default all of them")
    wanted = parser.parse_args().only or PICTURES
    server = start_server(Path(tempfile.mkdtemp()) / "home")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            studio = Studio(browser, server, wanted)
            ada = studio.tab(studio.person("Ada", ProjectRole.ANNOTATOR))
            grace = studio.tab(studio.person("Grace", ProjectRole.REVIEWER))
            annotate(studio, ada)
            pictures_of_drawing(studio, ada)
            review(studio, grace)
            owner = studio.tab(sign_in_link(server))
            picture_of_a_phone(studio, sign_in_link(server))
            pictures_of_managing(studio, owner)
            picture_of_suggestions(studio, ada)
            browser.close()
    finally:
        stop_server(server)
    assert sorted(studio.taken) == sorted(PICTURES), studio.taken


if __name__ == "__main__":
    main()
