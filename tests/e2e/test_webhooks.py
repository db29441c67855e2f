"""The page of webhooks: added, tried, switched off and deleted by keys, read on a phone; axe has nothing against it."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Api
from tests.e2e.server import LimnerServer
from tests.e2e.test_small_screens import PHONE, fits

pytestmark = pytest.mark.e2e

ADDRESS = "http://127.0.0.1:9/hook"  # of this machine: refused before anything is sent
PATIENCE = 60_000  # ms, until a busy machine has tried a delivery


def test_a_manager_adds_tries_and_deletes_a_webhook(server: LimnerServer, page: Page) -> None:
    project_id = Api(server).create_project(f"Webhooks {uuid.uuid4()}", ("cat",))
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("link", name="Webhooks").press("Enter")
    expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
    page.get_by_label("Address of a new webhook").fill(ADDRESS)
    page.get_by_role("button", name="Add webhook").press("Enter")
    dialog = page.get_by_role("dialog", name="The webhook's secret")
    secret = dialog.get_by_label("It is shown only now").input_value()
    assert secret.startswith("whsec_")
    dialog.get_by_role("button", name="Done").press("Enter")
    page.get_by_role("button", name=f"Send a test to {ADDRESS}").press("Enter")
    deliveries = page.get_by_role("list", name=f"Last deliveries to {ADDRESS}")
    expect(deliveries).to_contain_text("an address of this machine or of a private network", timeout=PATIENCE)
    expect(deliveries).to_contain_text("Given up")
    assert secret not in page.content()
    assert violations(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert fits(page)
    assert violations(page) == []
    page.get_by_role("button", name=f"Switch off {ADDRESS}").press("Enter")
    page.get_by_role("button", name=f"Switch on {ADDRESS}").wait_for()
    page.get_by_role("button", name=f"Delete {ADDRESS}").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_text("No address is told anything yet.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No address is told anything yet.")).to_be_visible()
