"""Files that are added to a project while the network goes and comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, Route, expect

from tests.conftest import png_bytes
from tests.e2e.api import Project
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

FILES = 4


def test_an_upload_goes_on_in_its_order_when_the_network_is_back(project: Project, page: Page) -> None:
    page.goto(project.url)
    page.get_by_text("This project has no images yet").wait_for()
    files: list[FilePayload] = [
        {"name": f"image-{number}.png", "mimeType": "image/png", "buffer": png_bytes(seed=number)}
        for number in range(FILES)
    ]
    page.context.set_offline(True)
    try:
        page.get_by_label("Images to add").set_input_files(files)
        upload = page.get_by_role("region", name="Upload")
        expect(upload.get_by_role("status")).to_contain_text("The server is away; this goes on by itself.")
        expect(upload.get_by_role("listitem")).to_have_count(FILES)
        expect(upload.get_by_role("listitem").filter(has_text="refused")).to_have_count(0)
    finally:
        page.context.set_offline(False)
    expect(upload.get_by_role("status")).to_contain_text(f"{FILES} of {FILES} files")
    expect(upload.get_by_role("status")).not_to_contain_text("away")
    tiles = page.get_by_role("list", name="Images").get_by_role("link")
    expect(tiles).to_have_count(FILES)
    for number in range(FILES):
        expect(tiles.nth(number)).to_have_accessible_name(re.compile(f"^image-{number}.png"))


def test_files_on_their_way_are_asked_about_and_shown_to_who_comes_back(project: Project, page: Page) -> None:
    photo = png_bytes(seed=1)
    project.upload({"first.png": photo})
    held: list[Route] = []
    holding = True

    def hold(route: Route) -> None:
        if holding and route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.route("**/images", hold)
    page.on("dialog", stay)
    page.goto(project.url)
    page.get_by_label("Images to add").set_input_files(
        [
            {"name": "broken.png", "mimeType": "image/png", "buffer": photo[:90]},
            {"name": "second.png", "mimeType": "image/png", "buffer": png_bytes(seed=2)},
        ]
    )
    upload = page.get_by_role("region", name="Upload")
    expect(upload.get_by_role("listitem")).to_have_count(2)
    tiles = page.get_by_role("list", name="Images").get_by_role("link")
    tiles.first.click()
    page.wait_for_url("**/images/*")
    page.close(run_before_unload=True)
    wait_until(page, lambda: asked == ["beforeunload"], "the question before the tab is closed")
    holding = False
    for route in held:
        route.continue_()
    page.go_back()
    refused = upload.get_by_role("listitem").filter(has_text="broken.png")
    expect(refused).to_contain_text("refused")
    expect(upload.get_by_role("status")).to_contain_text("2 of 2 files")
    expect(tiles).to_have_count(2)
    page.get_by_label("Images to add").set_input_files(
        [{"name": "third.png", "mimeType": "image/png", "buffer": png_bytes(seed=3)}]
    )
    expect(upload.get_by_role("status")).to_contain_text("3 of 3 files")  # the list outlives its page
    expect(tiles).to_have_count(3)
