"""Learning from the page: a detector and a version of the model are trained, watched, used, and left again."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.request
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from limner.bench.engine.domains import write_scenes
from limner.train.photos import Photo, find_photos, is_held_out
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STEPS = {"detector": 4, "model": 8}  # it shall work, not learn
PATIENCE = 300_000  # ms


def held_out(data: bytes) -> bytes:
    """The same picture in other bytes, which are held out by their hash."""
    numbers = (data + str(number).encode() for number in count())
    return next(each for each in numbers if is_held_out(hashlib.sha256(each).hexdigest()))


def project_with_masks(server: LimnerServer, page: Page, photos: list[Photo]) -> int:
    """A project with these photos, some of their objects drawn, and prepared; the first one is held out."""
    api = Api(server)
    project_id = api.create_project("Learning", ("thing",))
    headers = {"Authorization": f"Bearer {api.token}"}
    pictures = [photo.image_path.read_bytes() for photo in photos]
    pictures[0] = held_out(pictures[0])
    api.upload(project_id, {f"{index}.png": data for index, data in enumerate(pictures)})
    images = get(server, f"/projects/{project_id}/images", headers)["images"]
    for image in images:
        photo = photos[int(image["file_name"].split(".")[0])]
        for revision, mask in enumerate(photo.segmentations[:3]):
            create = {"kind": "create", "uid": str(uuid4()), "category_id": None, "segmentation": mask}
            api.operate(image["id"], revision, create)
    api.post(f"/projects/{project_id}/jobs", b'{"kind": "precompute"}')
    jobs = f"/projects/{project_id}/jobs"
    wait_until(page, lambda: get(server, jobs, headers)["jobs"][0]["state"] == "done", "all images prepared", 500)
    return project_id


def get(server: LimnerServer, path: str, headers: dict[str, str]) -> Any:
    with urllib.request.urlopen(urllib.request.Request(f"{server.address}/api/v1{path}", headers=headers)) as answer:
        return json.load(answer)


def few_steps(route: Route) -> None:
    """What the page asks for, with so few steps that it takes seconds."""
    if route.request.method != "POST":
        route.continue_()
        return
    asked = {key: value for key, value in route.request.post_data_json.items() if key != "minutes"}
    route.continue_(post_data=json.dumps(asked | {"steps": STEPS[asked["kind"]]}))


def test_a_detector_and_a_version_are_trained_from_the_page_used_and_rolled_back(
    server: LimnerServer, page: Page, tmp_path: Path
) -> None:
    write_scenes(tmp_path / "scenes", learned=6, measured=0)
    project_id = project_with_masks(server, page, find_photos([tmp_path / "scenes"]))
    page.route(re.compile(r"/learning$"), few_steps)
    page.goto(f"{server.address}/projects/{project_id}/learning")
    page.get_by_text("Nothing was trained yet").wait_for()
    begin = page.get_by_role("button", name="Train a new version")

    page.get_by_role("combobox", name="Train", exact=True).select_option("A detector that suggests")
    begin.click()
    detector = page.get_by_role("article", name=re.compile("Detector, run"))
    expect(detector.get_by_role("status")).to_be_visible()
    expect(begin).to_be_disabled()  # one run at a time
    expect(detector.get_by_text("AR@100")).to_be_visible(timeout=PATIENCE)  # nobody has loaded the page again
    expect(detector).to_contain_text("Done")
    expect(begin).to_be_enabled()

    page.get_by_role("combobox", name="Train", exact=True).select_option("A version of the project's model")
    begin.click()
    version = page.get_by_role("article", name=re.compile("Model, run"))
    expect(version.get_by_role("progressbar")).to_be_visible()
    expect(version.get_by_role("status")).to_contain_text(re.compile(r"Training.*loss \d"), timeout=PATIENCE)
    expect(version.get_by_text("3 clicks")).to_be_visible(timeout=PATIENCE)
    assert violations(page) == []

    version.get_by_role("button", name="Use in this project").click()
    headers = {"Authorization": f"Bearer {Api(server).token}"}
    if not get(server, f"/projects/{project_id}/learning", headers)["runs"][0]["figures"]["better"]:
        page.get_by_role("dialog").get_by_role("button", name="Use it").click()  # as so few steps have it
    expect(version).to_contain_text("In use", timeout=PATIENCE)  # its embeddings of all images are made
    with page.expect_response(re.compile("/rollback$")) as answer:
        version.get_by_role("button", name="Roll back to samlet").click()
    assert answer.value.ok
    expect(version.get_by_role("button", name="Use in this project")).to_be_visible(timeout=PATIENCE)
