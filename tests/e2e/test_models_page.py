"""Models in the page: what there is, and one that cannot be had because there is no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.e2e.server import LimnerServer, start_server, stop_server

pytestmark = pytest.mark.e2e


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[LimnerServer]:
    """A server that reaches nothing outside, whatever the machine does: port 9 discards."""
    server = start_server(tmp_path / "home", settings={"https_proxy": "http://127.0.0.1:9"})
    yield server
    stop_server(server)


def test_a_model_that_cannot_be_had_says_why_and_what_can_be_done(cut_off: LimnerServer, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(cut_off.link)
    page.get_by_text("Samlet, the model in use, is small").wait_for()
    page.get_by_role("main").get_by_role("link", name="Models").click()
    samlet = page.get_by_role("article", name="Samlet")
    expect(samlet).to_contain_text("Came with Limner")
    mobile = page.get_by_role("article", name="MobileSAM")
    expect(mobile).to_contain_text("40.7 MB")
    mobile.get_by_role("button", name="Get MobileSAM").click()
    alert = mobile.get_by_role("alert")
    expect(alert).to_contain_text("no network: github.com could not be reached", timeout=120_000)
    expect(alert).to_contain_text("bring mobile_sam.pt here, and run: limner models add mobile_sam.pt")
    expect(mobile.get_by_role("button", name="Try again to get MobileSAM")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390, "the message is wider than a phone"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    mobile.get_by_role("button", name="Do not get MobileSAM").click()
    expect(alert).to_have_count(0)
    expect(mobile.get_by_role("button", name=re.compile("^Get"))).to_be_visible()
    page.close()
