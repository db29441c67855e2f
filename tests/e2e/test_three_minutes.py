"""What the guide promises for the first three minutes, from a machine on which Limner is installed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from limner.vocabulary import rle
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, begin_server, stop_server
from tests.e2e.three_minutes import COMMAND, DOCUMENT, walk

pytestmark = pytest.mark.e2e


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LimnerServer]:
    """A server on a home that is made now; nothing is waited for but the link that it prints."""
    begun = begin_server(tmp_path / "home")
    yield begun
    stop_server(begun)


def test_the_steps_of_the_guide_lead_from_the_link_to_a_coco_file_in_the_downloads(
    fresh: LimnerServer, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=VIEWPORT, accept_downloads=True)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    coco = json.loads(walk(page, fresh.link).read_text())
    assert errors == []
    assert [each["file_name"] for each in coco["images"]] == ["coffee.png"]
    categories = {each["id"]: each["name"] for each in coco["categories"]}
    assert [categories[each["category_id"]] for each in coco["annotations"]] == ["animal", "person", "food"]
    for each in coco["annotations"]:
        mask = rle.decode(each["segmentation"])
        assert int(mask.sum()) == each["area"] > 0
        rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
        left, top = int(columns[0]), int(rows[0])
        assert each["bbox"] == [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
    expect(page.get_by_role("dialog", name="Export")).to_be_visible()
    context.close()

    command = COMMAND.search(DOCUMENT.read_text())
    assert command is not None
    words = shlex.split(command[1].replace(".limner", str(fresh.home)))
    where = {**os.environ, "LIMNER_DATABASE_URL": fresh.database_url}
    subprocess.run([sys.executable, "-m", "limner", *words], cwd=tmp_path, env=where, check=True, capture_output=True)
    written = json.loads((tmp_path / "coco.json").read_text())
    assert [each["segmentation"] for each in written["annotations"]] == [
        each["segmentation"] for each in coco["annotations"]
    ]
