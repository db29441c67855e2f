"""A day of five people, each in a browser of their own: at its end the database has exactly what they did.

An owner, a manager, a reviewer and two annotators work on the same project. One annotator loses the network in the
middle and comes back; the other one is disabled with work that was not sent, which is kept, said, and brought in from
a file.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Annotation, AuditEntry, Comment, Edit, Image, Invitation, Membership, User
from tests.conftest import png_bytes
from tests.e2e.annotate_page import PLAIN_VIEW, AnnotatePage
from tests.e2e.api import Api, database_of, sign_in_link
from tests.e2e.conftest import FAILED, TIMEOUT, VIEWPORT, new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

PASSWORD = "violet tractor sonnet 41"
IMAGES = ("a.png", "b.png", "c.png", "d.png")


@dataclass
class Somebody:
    """A person, their browser and the tab that they work in."""

    name: str
    context: BrowserContext
    page: Page

    def at(self, file_name: str) -> AnnotatePage:
        """The annotate page, on which this image has been opened."""
        self.page.get_by_role("heading", name=file_name).wait_for()
        work = AnnotatePage.__new__(AnnotatePage)
        work.page = self.page
        expect(self.page.get_by_role("button", name="Submit")).to_be_enabled()
        work.height, work.width = work._size()
        return work

    def paint(self, file_name: str, row: int, objects: int) -> None:
        """Paint a stripe in this row with the brush, as the object that makes so many of them."""
        work = self.at(file_name)
        self.page.keyboard.press("b")
        self.page.mouse.move(*work.at(14, row))
        self.page.mouse.down()
        self.page.mouse.move(*work.at(50, row))
        self.page.mouse.up()
        self.page.keyboard.press("Enter")
        expect(work.objects).to_have_count(objects)

    def saved(self) -> None:
        expect(self.page.get_by_test_id("save-state")).to_have_text("Saved")

    def marked(self, text: str) -> None:
        expect(self.page.get_by_test_id("mark")).to_have_text(text)


class Day:
    """The project of the day, and the browsers of who works in it."""

    def __init__(self, server: LimnerServer, browser: Browser, open_until: ExitStack) -> None:
        self.server, self.browser, self.open_until = server, browser, open_until
        self.tag = uuid.uuid4().hex[:8]
        self.project_name = f"A day {self.tag}"
        api = Api(server)
        self.project_id = api.create_project(self.project_name, ("cat", "dog"))
        api.upload(self.project_id, {name: png_bytes(seed=seed) for seed, name in enumerate(IMAGES)})
        self.url = f"{server.address}/projects/{self.project_id}"
        self.errors: list[str] = []
        self.people: list[Somebody] = []

    def begin(self, name: str, context: BrowserContext) -> Somebody:
        context.add_init_script(PLAIN_VIEW)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{name}: {error}"))
        self.open_until.callback(context.close)
        person = Somebody(name, context, page)
        self.people.append(person)
        return person

    def join(self, role: str, link: str) -> Somebody:
        """Follow an invitation in a browser of one's own."""
        context = self.browser.new_context(viewport=VIEWPORT, accept_downloads=True)
        context.set_default_timeout(TIMEOUT)
        person = self.begin(f"{role} {self.tag}", context)
        person.page.goto(link)
        person.page.get_by_label("Your name, as others see it").fill(person.name)
        person.page.get_by_label("A password").fill(PASSWORD)
        person.page.get_by_role("button", name="Join", exact=True).click()
        person.page.get_by_role("link", name=re.compile(self.project_name)).click()
        person.page.get_by_role("heading", name=self.project_name).wait_for()
        return person

    def read(self, page: Page, question: Any, wanted: object) -> None:
        """Wait until the database answers so."""
        found: list[object] = [None]

        def holds() -> bool:
            with database_of(self.server) as session:
                found[0] = question(session)
            return found[0] == wanted

        try:
            wait_until(page, holds, "the database", pause=100)
        except AssertionError:
            assert found[0] == wanted
            raise

    def image(self, session: Session, name: str) -> Image:
        return session.scalars(select(Image).where(Image.project_id == self.project_id, Image.file_name == name)).one()

    def state(self, name: str) -> Any:
        return lambda session: self.image(session, name).state

    def masks(self, name: str) -> Any:
        return lambda session: self.image(session, name).annotation_count


@pytest.fixture
def day(server: LimnerServer, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Day]:
    """Of a day that fails, what the pages said is logged; errors on a page fail it."""
    with ExitStack() as open_until:
        made = Day(server, browser, open_until)
        yield made
        if request.node.stash.get(FAILED, False):
            for person in made.people:
                said = person.page.locator("body").inner_text()
                logging.getLogger(__name__).error("%s, %s:\n%s", person.name, person.page.url, said)
    assert made.errors == []


def secret(page: Page) -> str:
    """The link that a dialog shows once."""
    field = page.get_by_label("It is shown only now")
    value = field.input_value()
    page.get_by_role("button", name="Done").click()
    return value


def invited_by_manager(page: Page, role: str) -> str:
    members = page.get_by_role("region", name="Members")
    members.get_by_label("Invite as").select_option(role)
    members.get_by_label("For whom").fill(role)
    members.get_by_role("button", name="Create invitation link").click()
    return secret(page)


def test_five_people_work_through_a_day(day: Day, server: LimnerServer, browser: Browser, tmp_path: Path) -> None:
    owner = day.begin("admin", new_profile(browser, sign_in_link(server)))

    # --- people come in ---
    owner.page.goto(f"{server.address}/people")
    owner.page.get_by_label("Invite to").select_option(label=day.project_name)
    owner.page.get_by_label("Invite as").select_option("manager")
    owner.page.get_by_label("For whom").fill("the manager")
    owner.page.get_by_role("button", name="Create invitation link").click()
    manager = day.join("Mia", secret(owner.page))
    manager.page.get_by_text("Add or invite…").click()
    reviewer = day.join("Rob", invited_by_manager(manager.page, "reviewer"))
    ann = day.join("Ann", invited_by_manager(manager.page, "annotator"))
    ben = day.join("Ben", invited_by_manager(manager.page, "annotator"))

    # --- two images are Ben's, the others anybody's ---
    manager.page.reload()
    shares = manager.page.get_by_role("region", name="Assignments")
    shares.get_by_role("checkbox", name=ben.name).check()
    shares.get_by_label("At most").fill("2")
    shares.get_by_role("button", name="Assign", exact=True).click()
    shares.get_by_text("2 images assigned.").wait_for()
    ann.page.get_by_role("button", name="annotating").click()
    ann.at("c.png")  # and the other one is reserved for her
    ben.page.get_by_role("button", name="annotating").click()
    ben.at("a.png")
    ann.paint("c.png", 16, 1)
    ann.page.keyboard.press("Control+Enter")
    ann.at("d.png")

    # --- Ann loses the network, goes on, and comes back ---
    day.read(ann.page, day.state("c.png"), "submitted")
    ann.context.set_offline(True)
    ann.paint("d.png", 16, 1)
    ann.page.keyboard.press("Control+Enter")
    expect(ann.page.get_by_test_id("save-state")).to_have_text(re.compile("Offline"))
    ann.marked("Submitted")
    day.read(ann.page, day.masks("d.png"), 0)
    ann.context.set_offline(False)
    day.read(ann.page, day.state("d.png"), "submitted")
    ann.saved()

    # --- the reviewer returns one with a comment, and approves the other one ---
    reviewer.page.goto(day.url)
    reviewer.page.get_by_role("button", name="Review 2").click()
    reviewer.page.get_by_role("heading", name="c.png").wait_for()
    reviewer.marked("Submitted")
    reviewer.page.keyboard.press("Shift+C")
    panel = reviewer.page.get_by_role("region", name="Comments")
    panel.get_by_role("textbox", name="New comment").fill("There is a second one.")
    panel.get_by_role("button", name="Comment", exact=True).click()
    reviewer.page.get_by_role("button", name="Return…").click()
    reviewer.page.get_by_role("textbox", name="What is left to do").fill("one is missing")
    reviewer.page.get_by_role("button", name="Return", exact=True).click()
    reviewer.marked(f"Returned to {ann.name}: one is missing")
    day.read(reviewer.page, day.state("c.png"), "returned")
    reviewer.page.keyboard.press("Shift+M")
    reviewer.page.get_by_role("heading", name="d.png").wait_for()
    reviewer.page.get_by_role("button", name="Approve").click()
    day.read(reviewer.page, day.state("d.png"), "approved")

    # --- Ann is handed what was returned first, answers and submits again ---
    ann.page.goto(day.url)
    ann.page.get_by_role("button", name="annotating").click()
    ann.marked("Returned: one is missing")
    ann.paint("c.png", 34, 2)
    ann.page.keyboard.press(".")
    ann.page.get_by_role("textbox", name="Answer").fill("Drawn now.")
    ann.page.get_by_role("region", name="Comments").get_by_role("button", name="Answer", exact=True).click()
    ann.page.get_by_text("Drawn now.").wait_for()
    ann.page.get_by_role("button", name="Submit").click()
    day.read(ann.page, day.state("c.png"), "submitted")
    reviewer.page.goto(day.url)
    reviewer.page.get_by_role("button", name="Review 1").click()
    reviewer.page.get_by_role("heading", name="c.png").wait_for()
    reviewer.page.get_by_role("button", name="Comments: 1 open").wait_for()  # before they are read the key finds none
    reviewer.page.keyboard.press(".")
    reviewer.page.get_by_text("Drawn now.").wait_for()
    reviewer.page.get_by_role("button", name="Resolve").click()
    reviewer.page.get_by_role("button", name="Approve").click()
    day.read(reviewer.page, day.state("c.png"), "approved")

    # --- Ben submits one; of the other one his browser sends nothing any more before he is disabled ---
    ben.paint("a.png", 16, 1)
    ben.page.keyboard.press("Control+Enter")
    ben.at("b.png")
    day.read(ben.page, day.state("a.png"), "submitted")
    ben.context.set_offline(True)
    ben.paint("b.png", 24, 1)
    expect(ben.page.get_by_test_id("save-state")).to_have_text("Offline (1 change waiting)")
    owner.page.reload()
    owner.page.get_by_role("button", name=f"Disable {ben.name}").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Disable", exact=True).click()
    owner.page.get_by_role("button", name=f"Enable {ben.name}").wait_for()
    ben.context.set_offline(False)
    again = ben.page.get_by_role("dialog", name="Sign in again")
    again.get_by_label("Name, or one-time link").fill(ben.name)
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in", exact=True).click()
    again.get_by_text("This account is disabled.").wait_for()
    with ben.page.expect_download() as download:
        again.get_by_role("button", name="Save 1 unsent change as a file").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    (change,) = json.loads(file.read_text())["changes"]
    assert (change["operation"]["kind"], file.name) == ("create", f"limner-unsent-Ben-{day.tag}.json")
    day.read(owner.page, day.masks("b.png"), 0)

    # --- it is brought in, and the image is Ann's now ---
    command = [sys.executable, "-m", "limner", "user", "bring-in", str(file), "--home", str(server.home)]
    its_database = {**os.environ, "LIMNER_DATABASE_URL": server.database_url}
    for done in ("1 change applied, 0 there already", "0 changes applied, 1 there already"):
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=its_database).stdout
        assert said == f"Of {ben.name}: {done}, 0 refused.\n"
    manager.page.reload()
    shares.get_by_role("button", name=f"Take back what is assigned to {ben.name}").click()
    shares.get_by_text(f"1 image taken back from {ben.name}.").wait_for()
    ann.page.goto(day.url)
    ann.page.get_by_role("button", name="annotating").click()
    expect(ann.at("b.png").objects).to_have_count(1)
    ann.page.keyboard.press("Control+Enter")
    day.read(ann.page, day.state("b.png"), "submitted")
    reviewer.page.goto(day.url)
    reviewer.page.get_by_role("button", name="Review 2").click()
    for name in ("a.png", "b.png"):
        reviewer.page.get_by_role("heading", name=name).wait_for()
        reviewer.page.get_by_role("button", name="Approve").click()
        day.read(reviewer.page, day.state(name), "approved")
    for person in (ann, reviewer):
        person.saved()

    with database_of(server) as session:
        check_the_evening(day, session)


def check_the_evening(day: Day, session: Session) -> None:
    """The database has what was done, by whom, and nothing else."""
    names: dict[int | None, str] = {
        user.id: user.name.removesuffix(f" {day.tag}") for user in session.scalars(select(User))
    }
    roles = session.scalars(select(Membership).where(Membership.project_id == day.project_id))
    assert {(names[each.user_id], each.role) for each in roles} == {
        ("Mia", "manager"), ("Rob", "reviewer"), ("Ann", "annotator"), ("Ben", "annotator")
    }  # fmt: skip
    assert [user.name for user in session.scalars(select(User)) if user.disabled] == [f"Ben {day.tag}"]
    used = session.scalars(select(Invitation).where(Invitation.project_id == day.project_id)).all()
    assert [each.id for each in used if each.used is None] == []

    images = [day.image(session, name) for name in IMAGES]
    states = [(each.state, names.get(each.author_id), names.get(each.state_user_id)) for each in images]
    assert states == [
        ("approved", "Ben", "Rob"), ("approved", "Ann", "Rob"), ("approved", "Ann", "Rob"), ("approved", "Ann", "Rob")
    ]  # fmt: skip
    assert [(each.annotation_count, each.open_threads) for each in images] == [(1, 0), (1, 0), (2, 0), (1, 0)]
    ids = [image.id for image in images]
    masks = session.scalars(select(Annotation).where(Annotation.image_id.in_(ids))).all()
    assert [each.deleted for each in masks] == [None] * 5
    assert all(each.area > 0 for each in masks)
    everything = []
    for image in images:
        edits = session.scalars(select(Edit).where(Edit.image_id == image.id).order_by(Edit.revision)).all()
        assert [edit.revision for edit in edits] == list(range(1, image.revision + 1))
        everything.append([(edit.payload.get("state", edit.kind), names.get(edit.user_id)) for edit in edits])
    assert everything == [
        [("create", "Ben"), ("submitted", "Ben"), ("approved", "Rob")],
        [("create", "admin"), ("submitted", "Ann"), ("approved", "Rob")],
        [
            ("create", "Ann"), ("submitted", "Ann"), ("returned", "Rob"),
            ("create", "Ann"), ("submitted", "Ann"), ("approved", "Rob"),
        ],
        [("create", "Ann"), ("submitted", "Ann"), ("approved", "Rob")],
    ]  # fmt: skip
    said = session.scalars(select(Comment).where(Comment.image_id.in_(ids)).order_by(Comment.id)).all()
    assert [(each.text, names.get(each.user_id)) for each in said] == [
        ("There is a second one.", "Rob"), ("Drawn now.", "Ann")
    ]  # fmt: skip
    assert (names.get(said[0].resolved_user_id), said[1].thread_id) == ("Rob", said[0].id)

    people = {number for number, name in names.items() if name in ("Mia", "Rob", "Ann", "Ben")}
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    told = [
        (names.get(each.user_id), each.action)
        for each in entries
        if each.project_id == day.project_id
        or each.user_id in people
        or (each.target == "person" and each.target_id in people)
    ]
    assert told == [
        ("admin", "project.create"), ("admin", "invitation.create"), ("Mia", "invitation.accept"), ("Mia", "sign_in"),
        ("Mia", "invitation.create"), ("Rob", "invitation.accept"), ("Rob", "sign_in"),
        ("Mia", "invitation.create"), ("Ann", "invitation.accept"), ("Ann", "sign_in"),
        ("Mia", "invitation.create"), ("Ben", "invitation.accept"), ("Ben", "sign_in"),
        ("Rob", "image.return"), ("admin", "person.change"),
    ]  # fmt: skip
