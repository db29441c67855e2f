"""Which images who reviews is led through: those of one person, shuffled."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from limner.access import ProjectRole
from limner.store.images import lock_image
from limner.store.operations import apply_operation
from limner.store.people import add_person, disable_person, remove_member, set_member
from limner.store.tables import Image, User
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_gold import submission
from tests.e2e.test_small_screens import PHONE, fits
from tests.e2e.waiting import wait_until
from tests.store.conftest import operation

pytestmark = pytest.mark.e2e

NAMES = ("a.png", "b.png", "c.png", "d.png", "e.png", "f.png")


def test_review_walks_what_one_person_submitted_in_a_random_order(server: LimnerServer, page: Page) -> None:
    api, tag = Api(server), uuid.uuid4().hex[:8]
    project_id = api.create_project(f"Review {tag}")
    api.upload(project_id, {name: png_bytes(seed=seed) for seed, name in enumerate(NAMES)})
    with database_of(server) as session:
        ann, ben = (add_person(session, f"{name} {tag}", "member").id for name in ("Ann", "Ben"))
        for person in (ann, ben):
            set_member(session, project_id, session.get_one(User, person), ProjectRole.ANNOTATOR)
        images = session.scalars(select(Image).where(Image.project_id == project_id).order_by(Image.id)).all()
        for place, image in enumerate(images):
            author = ben if place in (1, 4) else ann
            done = operation(**submission())
            apply_operation(
                session, lock_image(session, image.id), str(uuid.uuid4()), done, revision=None, user_id=author
            )
        theirs = sorted((image for image in images if image.author_id == ann), key=lambda image: image.sha256)
        shuffled = [image.file_name for image in theirs]
    assert shuffled != sorted(shuffled)

    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("combobox", name="Submitted by").select_option(f"Submitted by Ann {tag}")
    page.get_by_role("combobox", name="Order", exact=True).select_option("Random")
    tiles = page.get_by_role("link", name=re.compile(r"\.png, 0 masks"))
    expect(tiles).to_have_count(4)
    for tile, name in zip(tiles.all(), shuffled, strict=True):
        expect(tile).to_have_accessible_name(re.compile(re.escape(name)))
    assert violations(page) == []

    page.get_by_role("button", name="Review 4").click()
    for name in shuffled:
        page.get_by_role("heading", name=name).wait_for()
        page.get_by_role("button", name="Approve").click()
    page.get_by_text("No other image of this list is submitted.").wait_for()

    def decided() -> bool:
        with database_of(server) as session:
            rows = session.scalars(select(Image).where(Image.project_id == project_id)).all()
            return all(row.state == ("submitted" if row.author_id == ben else "approved") for row in rows)

    wait_until(page, decided, "what was decided")
    page.goto(f"{server.address}/projects/{project_id}?author={ben}&order=random")
    expect(tiles).to_have_count(2)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.get_by_role("button", name=f"Filters: All, Ben {tag}").click()
    dialog = page.get_by_role("dialog", name="Filters")
    expect(dialog.get_by_role("combobox", name="Submitted by")).to_have_value(str(ben))
    assert fits(page)
    assert violations(page) == []
    dialog.get_by_role("button", name="Show all").click()
    expect(tiles).to_have_count(6)


def test_review_counts_what_it_walks_and_lists_who_submitted_though_they_left(server: LimnerServer, page: Page) -> None:
    api, tag = Api(server), uuid.uuid4().hex[:8]
    project_id = api.create_project(f"Left {tag}")
    api.upload(project_id, {name: png_bytes(seed=seed) for seed, name in enumerate(NAMES)})
    with database_of(server) as session:
        ann, ben = (add_person(session, f"{name} {tag}", "member").id for name in ("Ann", "Ben"))
        for person in (ann, ben):
            set_member(session, project_id, session.get_one(User, person), ProjectRole.ANNOTATOR)
        images = session.scalars(select(Image).where(Image.project_id == project_id).order_by(Image.id)).all()
        for place, image in enumerate(images[:5]):
            done = operation(**submission())
            author = ben if place == 0 else ann
            apply_operation(
                session, lock_image(session, image.id), str(uuid.uuid4()), done, revision=None, user_id=author
            )
        remove_member(session, project_id, ann)
        disable_person(session, session.get_one(User, ben))

    page.goto(f"{server.address}/projects/{project_id}")
    review = page.get_by_role("button", name=re.compile("^Review"))
    expect(review).to_have_accessible_name("Review 5")
    submitted_by = page.get_by_role("combobox", name="Submitted by")
    submitted_by.select_option(f"Submitted by Ann {tag}")
    expect(review).to_have_accessible_name("Review 4")
    page.get_by_role("searchbox").fill("a.png")  # Ben's
    expect(review).to_have_accessible_name("Review 0")
    expect(review).to_be_disabled()
    submitted_by.select_option(f"Submitted by Ben {tag}")
    expect(review).to_have_accessible_name("Review 1")
    review.click()
    page.get_by_role("heading", name="a.png").wait_for()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("No other image of this list is submitted.").wait_for()
    page.go_back()
    expect(review).to_have_accessible_name("Review 0")
