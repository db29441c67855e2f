"""Files that are added to a project while the network goes and comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.conftest import png_bytes
from tests.e2e.api import Project

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
