"""The pages of people: invitations, roles, disabling, sessions, tokens and members, with axe and on a phone."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from limner.access import ProjectRole
from limner.store.accounts import create_login_link
from limner.store.people import add_person, set_member
from limner.store.tables import ApiToken, LoginSession, Membership, User
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.conftest import new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_image_states import shoot
from tests.e2e.test_small_screens import PHONE, fits
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e


@dataclass
class Team:
    """A project, and somebody who annotates in it."""

    server: LimnerServer
    project_id: int
    project: str
    person: str
    link: str

    def role(self) -> str | None:
        with database_of(self.server) as session:
            user = session.scalars(select(User).where(User.name == self.person)).one()
            found = session.get(Membership, (self.project_id, user.id))
            return None if found is None else found.role

    def user(self) -> tuple[str, bool]:
        """Their role in the installation, and whether they are disabled."""
        with database_of(self.server) as session:
            user = session.scalars(select(User).where(User.name == self.person)).one()
            return user.role, user.disabled is not None


@pytest.fixture
def team(server: LimnerServer) -> Team:
    project, person = f"Team {uuid.uuid4().hex[:8]}", f"Ada {uuid.uuid4().hex[:8]}"
    project_id = Api(server).create_project(project, ("cat",))
    with database_of(server) as session:
        user = session.get_one(User, add_person(session, person, "member").id)
        set_member(session, project_id, user, ProjectRole.ANNOTATOR)
        link = f"{server.address}/login#token={create_login_link(session, user)}"
    return Team(server, project_id, project, person, link)


def looks_well(page: Page, name: str) -> None:
    """On a desk and on a phone axe has nothing against the page, and nothing is cut off."""
    assert violations(page) == []
    shoot(page, name)
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert fits(page)
    assert violations(page) == []
    shoot(page, f"{name}-phone")
    page.set_viewport_size({"width": 1280, "height": 720})


def test_an_owner_invites_gives_roles_and_disables(team: Team, server: LimnerServer, page: Page) -> None:
    page.goto(f"{server.address}/people")
    page.get_by_label("Invite to").select_option(label=team.project)
    page.get_by_label("Invite as").select_option("reviewer")
    note = f"for {uuid.uuid4().hex[:8]}"
    page.get_by_label("For whom").fill(note)
    page.get_by_role("button", name="Create invitation link").click()
    dialog = page.get_by_role("dialog", name="An invitation")
    expect(dialog.get_by_label("It is shown only now")).to_have_value(re.compile(r"/invitation#token=\S+"))
    looks_well(page, "people-invitation")
    dialog.get_by_role("button", name="Done").click()
    invitation = page.get_by_role("list", name="Open invitations").get_by_role("listitem").filter(has_text=note)
    expect(invitation).to_contain_text(f"reviewer in {team.project}")
    looks_well(page, "people")
    invitation.get_by_role("button", name=re.compile("Take back")).click()
    expect(invitation).to_have_count(0)

    role = page.get_by_role("combobox", name=f"Role of {team.person} in the installation")
    role.select_option("owner")
    wait_until(page, lambda: team.user() == ("owner", False), "the role")
    role.select_option("member")
    wait_until(page, lambda: team.user() == ("member", False), "the role")
    page.get_by_role("button", name=f"Sign-in link for {team.person}").click()
    expect(page.get_by_label("It is shown only now")).to_have_value(re.compile(r"/login#token=\S+"))
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name=f"Disable {team.person}").click()
    assert violations(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Disable", exact=True).click()
    page.get_by_role("button", name=f"Enable {team.person}").click()
    page.get_by_role("button", name=f"Disable {team.person}").wait_for()
    assert team.user() == ("member", False)


def test_a_manager_sees_members_changes_a_role_and_takes_it_away(team: Team, page: Page) -> None:
    page.goto(f"{team.server.address}/projects/{team.project_id}")
    members = page.get_by_role("region", name="Members")
    role = members.get_by_role("combobox", name=f"Role of {team.person}")
    expect(role).to_have_value("annotator")
    role.select_option("manager")
    wait_until(page, lambda: team.role() == "manager", "the role")
    members.get_by_text("Add or invite…").click()
    members.get_by_label("Name of somebody who is here").wait_for()
    looks_well(page, "members")
    members.get_by_role("button", name=f"Remove {team.person}").click()
    members.get_by_text("Nobody but the owners.").wait_for()
    assert team.role() is None
    members.get_by_label("Name of somebody who is here").fill(team.person)
    members.get_by_label("Role", exact=True).select_option("viewer")
    members.get_by_role("button", name="Add", exact=True).click()
    expect(role).to_have_value("viewer")
    assert team.role() == "viewer"


def test_a_person_ends_another_session_and_makes_and_revokes_a_token(team: Team, browser: Browser) -> None:
    first = new_profile(browser, team.link)
    with database_of(team.server) as session:
        user = session.scalars(select(User).where(User.name == team.person)).one()
        again, user_id = f"{team.server.address}/login#token={create_login_link(session, user)}", user.id
    second = new_profile(browser, again)
    elsewhere, page = first.new_page(), second.new_page()
    elsewhere.goto(f"{team.server.address}/account")
    elsewhere.get_by_role("heading", name="Your account").wait_for()
    page.goto(f"{team.server.address}/account")
    sessions = page.get_by_role("region", name="Where you are signed in")
    expect(sessions.get_by_role("listitem")).to_have_count(2)
    called = sessions.get_by_text(re.compile(r"^Chrome \d+ on Linux$"))
    expect(called).to_have_count(2)
    expect(called.first).to_have_attribute("title", re.compile(r"^Mozilla/5\.0 \(X11; Linux"))
    page.get_by_label("Name of a new token").fill("training machine")
    page.get_by_label("It may").select_option("exchange")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("dialog", name="Your new token").get_by_label("It is shown only now")).not_to_have_value("")
    assert violations(page) == []
    page.get_by_role("button", name="Done").click()
    looks_well(page, "account")

    def stored(table: type[ApiToken] | type[LoginSession]) -> int:
        with database_of(team.server) as session:
            return len(session.scalars(select(table).where(table.user_id == user_id)).all())

    assert stored(ApiToken) == 1
    page.get_by_role("button", name="Revoke training machine").click()
    page.get_by_text("None. Scripts send one as").wait_for()
    assert stored(ApiToken) == 0
    sessions.get_by_role("button", name="End", exact=True).click()
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    assert stored(LoginSession) == 1
    elsewhere.reload()
    elsewhere.get_by_role("heading", name="Sign in").wait_for()
    first.close()
    second.close()
