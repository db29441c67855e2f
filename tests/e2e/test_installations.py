"""One address, today one installation and tomorrow another: what a browser keeps for one never reaches the other."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import demo_project, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, start_server, stop_server
from tests.e2e.test_faults import drag_box, draw

pytestmark = pytest.mark.e2e


def open_signed_in(context: BrowserContext, server: LimnerServer) -> AnnotatePage:
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    return AnnotatePage(page, demo_project(server), "cat.png")


def test_two_homes_on_one_port_share_nothing(tmp_path: Path, browser: Browser) -> None:
    first = start_server(tmp_path / "first")
    port = urlsplit(first.address).port or 0
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(TIMEOUT)
    work = open_signed_in(context, first)
    context.set_offline(True)
    draw(work, 200, 150)
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Offline (1 change waiting)")
    drag_box(work, 60, 60)  # and something is being drawn
    work.page.close()
    stop_server(first)
    context.set_offline(False)

    second = start_server(tmp_path / "second", port=port)
    other = open_signed_in(context, second)
    other.saved()
    expect(other.objects).to_have_count(0)
    expect(other.page.get_by_role("button", name=re.compile("Accept"))).to_have_count(0)
    other.page.close()
    stop_server(second)

    first = start_server(first.home, port=port)
    again = open_signed_in(context, first)
    again.saved()
    expect(again.objects).to_have_count(1)
    expect(again.page.get_by_role("button", name=re.compile("Accept"))).to_be_enabled()
    context.close()
    stop_server(first)
