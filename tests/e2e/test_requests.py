"""What a page asks the server for: each thing once, however often something else changes."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.api import Project
from tests.e2e.waiting import wait_for_answers, wait_until

pytestmark = pytest.mark.e2e

# What stands beside the tiles and is changed by nothing that happens to an image.
BESIDE = ("/members", "/invitations", "/assignments", "/detectors", "/text-thresholds")


def test_what_stands_beside_the_tiles_is_asked_for_once(project: Project, page: Page) -> None:
    asked: Counter[str] = Counter()
    here = f"/api/v1/projects/{project.url.rsplit('/', 1)[1]}"

    def count(request: Request) -> None:
        path = request.url.split("?")[0]
        if request.method == "GET" and here in path:
            asked[path.split(here, 1)[1]] += 1

    page.on("request", count)
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("region", name="Members").wait_for()
    wait_until(page, lambda: all(asked[path] for path in BESIDE), "all was asked for")
    wait_for_answers(page)
    begun = asked[""]
    for number, photo in enumerate(("coffee.png", "coins.png"), 1):
        project.add_photo(photo)
        page.get_by_role("link", name=re.compile(photo)).wait_for()
        wait_until(page, lambda least=begun + number: asked[""] >= least, "the project's counts were read anew")
    expect(page.get_by_role("button", name=re.compile("^All 3"))).to_be_visible()
    assert {path: asked[path] for path in BESIDE if asked[path] != 1} == {}
