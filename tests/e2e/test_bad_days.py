"""Days on which something goes wrong: a lease that ends offline, a wrong clock, two who decide; and a phone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import select, update

from limner.store.accounts import LOCAL_ADMIN
from limner.store.images import lock_image
from limner.store.leases import give_back_all
from limner.store.listing import page_images
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.tables import Annotation, Category, Edit, Image, User
from limner.store.types import utc_now
from tests.conftest import png_bytes
from tests.e2e.annotate_page import PLAIN_VIEW, violations
from tests.e2e.api import Api, database_of, sign_in_link
from tests.e2e.conftest import TIMEOUT, new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_a_day import Somebody
from tests.e2e.test_gold import annotator, box, submission
from tests.e2e.test_small_screens import PHONE, fits
from tests.e2e.waiting import wait_until
from tests.store.conftest import operation

pytestmark = pytest.mark.e2e

# What a browser takes for now, when its machine's clock is so many milliseconds off.
WRONG_CLOCK = """
    const Right = Date;
    globalThis.Date = class extends Right {
        constructor(...given) { given.length === 0 ? super(Right.now() + (OFF)) : super(...given); }
        static now() { return Right.now() + (OFF); }
    };
"""


@pytest.fixture
def work(server: LimnerServer) -> tuple[Api, int, list[int]]:
    """A project with two images, on each of which is one object; their numbers."""
    api = Api(server)
    project_id = api.create_project(f"Bad days {uuid.uuid4()}", ("cat", "dog"))
    api.upload(project_id, {name: png_bytes(seed=seed) for seed, name in enumerate(("a.png", "b.png"))})
    with database_of(server) as session:
        images = [image.id for image in page_images(session, project_id, None, 2).images]
    for image_id in images:
        api.operate(image_id, 0, box(10))
    with database_of(server) as session:  # who saves on an image has it; the administrator needs these no more
        give_back_all(session, session.scalars(select(User.id).where(User.name == LOCAL_ADMIN)).one(), project_id)
    return api, project_id, images


class Team:
    """Annotators of a project, each in a browser of their own."""

    def __init__(self, server: LimnerServer, browser: Browser) -> None:
        self.server, self.browser = server, browser
        self.contexts: list[BrowserContext] = []

    def begin(self, name: str, project_id: int, script: str = "") -> Somebody:
        """Somebody who goes to the project, and is handed an image."""
        name = f"{name} {uuid.uuid4().hex[:8]}"
        context = annotator(self.server, self.browser, project_id, name)
        self.contexts.append(context)
        context.add_init_script(PLAIN_VIEW)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(f"{self.server.address}/projects/{project_id}")
        page.get_by_role("button", name="annotating").click()
        return Somebody(name, context, page)


@pytest.fixture
def team(server: LimnerServer, browser: Browser) -> Iterator[Team]:
    made = Team(server, browser)
    yield made
    for context in made.contexts:
        context.close()


def give_category(person: Somebody, key: str, name: str) -> None:
    work = person.at("a.png")
    work.objects.first.locator("[data-uid]").click()
    person.page.keyboard.press(key)
    expect(work.objects.first).to_contain_text(name)


def test_a_lease_that_ends_offline_loses_nothing_though_somebody_else_went_on(
    server: LimnerServer, work: tuple[Api, int, list[int]], team: Team
) -> None:
    _, project_id, (image_id, _) = work
    ann = team.begin("Ann", project_id)
    ann.at("a.png").wait_until_ready()
    ann.context.set_offline(True)
    give_category(ann, "1", "cat")
    ann.page.keyboard.press("Escape")  # the brush would go on with what is selected
    ann.paint("a.png", 40, 2)
    expect(ann.page.get_by_test_id("save-state")).to_have_text("Offline (2 changes waiting)")
    with database_of(server) as session:  # as if the time had passed
        over = utc_now() - timedelta(seconds=1)
        session.execute(update(Image).where(Image.project_id == project_id).values(lease_until=over))
    ben = team.begin("Ben", project_id)
    give_category(ben, "2", "dog")
    ben.saved()

    ann.context.set_offline(False)
    ann.page.get_by_role("button", name="1 conflict").click()
    dialog = ann.page.get_by_role("dialog", name="Your changes and theirs")
    for text in ("Yours", "cat", "Theirs", "dog", "Nothing has been overwritten."):
        expect(dialog).to_contain_text(text)
    dialog.get_by_role("button", name="Keep mine").click()
    expect(dialog).to_have_count(0)
    ann.saved()
    expect(ben.at("a.png").objects).to_have_count(2)
    with database_of(server) as session:
        image = session.get_one(Image, image_id)
        assert image.lease_user_id == session.scalars(select(User.id).where(User.name == ben.name)).one()
        names = {user.id: user.name for user in session.scalars(select(User))}
        edits = session.scalars(select(Edit).where(Edit.image_id == image_id).order_by(Edit.revision)).all()
        done = [(each.kind, names[each.user_id or 0]) for each in edits]
        assert done[:2] == [("create", "admin"), ("update", ben.name)]
        assert sorted(done[2:]) == [("create", ann.name), ("update", ann.name)]
        masks = session.scalars(
            select(Category.name)
            .join(Annotation, Annotation.category_id == Category.id)
            .where(Annotation.image_id == image_id, Annotation.uid == edits[0].uid)
        ).all()
        assert masks == ["cat"]


@pytest.mark.parametrize("days", [3, -3])
def test_a_browser_whose_clock_is_days_off_works_as_any_other(
    server: LimnerServer, work: tuple[Api, int, list[int]], team: Team, days: int
) -> None:
    _, project_id, (image_id, _) = work
    before = utc_now()
    ann = team.begin("Ann", project_id, WRONG_CLOCK.replace("OFF", str(days * 86_400_000)))
    assert abs(ann.page.evaluate("Date.now()") / 1000 - utc_now().timestamp()) > 2 * 86_400
    ann.paint("a.png", 40, 2)
    ann.saved()
    with database_of(server) as session:
        until = session.get_one(Image, image_id).lease_until
        assert until is not None
        assert until <= utc_now() + timedelta(minutes=30)
    ann.page.reload()
    expect(ann.at("a.png").objects).to_have_count(2)
    ann.page.keyboard.press("Control+Enter")
    ann.at("b.png")

    def submitted() -> bool:
        with database_of(server) as session:
            return session.get_one(Image, image_id).state == "submitted"

    wait_until(ann.page, submitted, "the mark")
    with database_of(server) as session:
        edits = session.scalars(select(Edit).where(Edit.image_id == image_id).order_by(Edit.revision)).all()
        assert [edit.kind for edit in edits] == ["create", "create", "mark"]
        assert all(before <= edit.created <= utc_now() for edit in edits[1:])
        (drawn,) = session.scalars(select(Annotation.provenance).where(Annotation.uid == edits[1].uid))
        assert drawn is not None
        assert 0 < drawn["seconds"] < 3600


def test_of_two_reviewers_the_second_is_told_that_the_first_decided_and_how(
    server: LimnerServer, work: tuple[Api, int, list[int]], browser: Browser
) -> None:
    """No event reaches her browser, as if he had returned the image in the moment in which she approves it."""
    api, project_id, (image_id, _) = work
    api.operate(image_id, 1, submission())
    context = new_profile(browser, sign_in_link(server))
    context.set_default_timeout(TIMEOUT)
    context.route(re.compile("/api/v1/.*events"), lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("button", name="Review 1").click()
    page.get_by_role("heading", name="a.png").wait_for()
    approve = page.get_by_role("button", name=re.compile("^Approve"))
    expect(approve).to_be_enabled()
    with database_of(server) as session:
        rob = add_person(session, f"Rob {uuid.uuid4().hex[:8]}", "member")
        returned = operation(kind="mark", uid=str(uuid.uuid4()), state="returned", note="the left ear")
        image = lock_image(session, image_id)
        apply_operation(session, image, str(uuid.uuid4()), returned, revision=2, user_id=rob.id)
    approve.click()
    page.get_by_text("a.png could not be approved, it stays as it was.").wait_for()
    expect(page.get_by_test_id("mark")).to_contain_text("the left ear")
    with database_of(server) as session:
        edits = session.scalars(select(Edit).where(Edit.image_id == image_id).order_by(Edit.revision)).all()
        assert [edit.payload.get("state") for edit in edits[1:]] == ["submitted", "returned"]
        assert session.get_one(Image, image_id).state_user_id == rob.id
    context.close()


def test_a_reviewer_approves_and_returns_on_a_phone(
    server: LimnerServer, work: tuple[Api, int, list[int]], browser: Browser
) -> None:
    api, project_id, images = work
    for image_id in images:
        api.operate(image_id, 1, submission())
    size = {"width": PHONE[0], "height": PHONE[1]}
    context = new_profile(browser, sign_in_link(server), viewport=size, has_touch=True, is_mobile=True)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("button", name="Review 2").tap()
    page.get_by_role("heading", name="a.png").wait_for()
    assert fits(page)
    assert violations(page) == []
    page.get_by_role("button", name=re.compile("^Approve")).first.tap()
    page.get_by_role("heading", name="b.png").wait_for()
    page.get_by_role("button", name="Return…").tap()
    dialog = page.get_by_role("dialog")
    assert fits(page)
    assert violations(page) == []
    dialog.get_by_role("textbox", name="What is left to do").fill("the tail")
    dialog.get_by_role("button", name="Return", exact=True).tap()
    expect(page.get_by_test_id("mark")).to_contain_text("the tail")

    def decided() -> bool:
        with database_of(server) as session:
            return [session.get_one(Image, each).state for each in images] == ["approved", "returned"]

    wait_until(page, decided, "both marks")
    context.close()
