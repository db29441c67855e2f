"""Whether all of a category are annotated: walked by keys, said by fingers, reopened by others before one's eyes."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from limner.store.categories import list_categories
from limner.store.tables import Exhaustivity, Image
from limner.vocabulary import rle
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_gold import annotator
from tests.e2e.test_image_states import shoot
from tests.e2e.test_small_screens import PHONE, fits
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

NAMES = ("a.png", "b.png", "c.png")


class Cats:
    """A project of three images and two categories."""

    def __init__(self, server: LimnerServer) -> None:
        self.server, self.api = server, Api(server)
        self.project_id = self.api.create_project(f"Cats {uuid.uuid4()}", ("cat", "dog"))
        self.api.upload(self.project_id, {name: png_bytes(seed=seed) for seed, name in enumerate(NAMES)})
        with database_of(server) as session:
            self.cat = list_categories(session, self.project_id)[0].id
            found = select(Image.id).where(Image.project_id == self.project_id).order_by(Image.id)
            self.images = list(session.scalars(found))
        self.url = f"{server.address}/projects/{self.project_id}"

    def known(self) -> list[bool | None]:
        with database_of(self.server) as session:
            found = [session.get(Exhaustivity, (image, self.cat)) for image in self.images]
            return [None if each is None or each.reopened else each.exhaustive for each in found]

    def come(self, page: Page, wanted: list[bool | None]) -> None:
        wait_until(page, lambda: self.known() == wanted, f"{wanted} in the database", pause=100)


@pytest.fixture
def cats(server: LimnerServer) -> Cats:
    return Cats(server)


def question(page: Page) -> Locator:
    return page.get_by_role("group", name="Whether all of “cat” are annotated here")


def test_who_walks_a_category_answers_by_one_key_an_image(cats: Cats, page: Page) -> None:
    page.goto(cats.url)
    page.get_by_role("combobox", name="Category", exact=True).select_option("cat")
    page.get_by_text("No image fits.").wait_for()  # none has one
    page.get_by_role("combobox", name="Of the category").select_option("unknown")
    expect(page.get_by_role("link", name=re.compile(r"[abc]\.png"))).to_have_count(3)
    assert violations(page) == []
    shoot(page, "exhaustivity-gallery")
    page.get_by_role("link", name=re.compile(r"a\.png")).click()
    expect(question(page)).to_be_visible()
    assert violations(page) == []
    shoot(page, "exhaustivity-walk")
    page.keyboard.press("Shift+A")
    page.get_by_role("heading", name="b.png").wait_for()
    expect(question(page)).to_be_visible()
    page.keyboard.press("Shift+W")
    page.get_by_role("heading", name="c.png").wait_for()
    question(page).get_by_role("button", name="All", exact=True).click()
    page.get_by_text("This is the last image of those that you listed.").wait_for()
    cats.come(page, [True, False, True])
    page.goto(f"{cats.url}?category={cats.cat}&exhaustive=no")
    expect(page.get_by_role("link", name=re.compile(r"[abc]\.png"))).to_have_count(1)

    page.goto(f"{cats.url}/images/{cats.images[0]}")
    toggle = page.get_by_role("button", name="All of “cat” are annotated here")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+H")
    page.get_by_text("All of “cat” are annotated").wait_for()
    page.keyboard.press("Shift+H")
    page.keyboard.press("Control+z")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    cats.come(page, [None, False, True])
    page.keyboard.press("Control+Shift+z")
    cats.come(page, [True, False, True])


def test_somebody_else_who_adds_one_reopens_it_and_both_see_that(
    cats: Cats, server: LimnerServer, browser: Browser
) -> None:
    name = f"Ann {uuid.uuid4()}"
    context = annotator(server, browser, cats.project_id, name)
    page = context.new_page()
    page.goto(f"{cats.url}/images/{cats.images[0]}")
    toggle = page.get_by_role("button", name="All of “cat” are annotated here")
    expect(toggle).to_be_enabled()
    toggle.press("Enter")
    cats.come(page, [True, None, None])
    mask = dict(rle.encode(np.ones((48, 64), np.bool_)))
    cats.api.operate(
        cats.images[0],
        1,
        {"kind": "create", "uid": str(uuid.uuid4()), "category_id": cats.cat, "segmentation": mask},
    )
    page.get_by_text(
        f"{name} had said that all of “cat” are annotated here. admin has changed which there are"
    ).wait_for()
    expect(toggle).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name=re.compile("^cat")).click()
    expect(question(page)).to_contain_text(
        re.compile("Reopened: admin changed which there are, .* Ann .* had said “all”")
    )
    assert violations(page) == []
    shoot(page, "exhaustivity-reopened")
    assert cats.known() == [None, None, None]
    context.close()


def test_on_a_phone_fingers_answer(cats: Cats, page: Page) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.goto(f"{cats.url}?category={cats.cat}&exhaustive=unknown")
    page.get_by_role("button", name=re.compile("Filters: All, cat")).click()
    expect(page.get_by_role("dialog").get_by_role("combobox", name="Of the category")).to_have_value("unknown")
    assert violations(page) == []
    shoot(page, "exhaustivity-phone-filter")
    page.keyboard.press("Escape")
    page.get_by_role("link", name=re.compile(r"a\.png")).click()
    question(page).get_by_role("button", name="Not all").click()
    page.get_by_role("heading", name="b.png").wait_for()
    expect(question(page)).to_be_visible()
    assert fits(page)
    assert violations(page) == []
    shoot(page, "exhaustivity-phone")
    cats.come(page, [False, None, None])
