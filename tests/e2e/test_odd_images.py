"""Images that are not photos in landscape: each goes in by the page, is segmented, and comes out at its own size."""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported
from tests.e2e.api import Project, new_project
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e


def _disk(height: int, width: int) -> np.ndarray:
    """A bright disk on dark ground, (height, width) uint8."""
    y, x = np.mgrid[:height, :width]
    inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < (min(height, width) * 0.3) ** 2
    return np.where(inside, 220, 40).astype(np.uint8)


def _file(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)
    return buffer.getvalue()


def _rotated() -> bytes:
    """Stored lying on its side; EXIF says that it stands upright: 300 wide, 500 high."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _file(np.stack([_disk(300, 500)] * 3, -1), format="JPEG", exif=exif)


ODD = {
    "portrait-by-exif.jpg": (_rotated, (500, 300)),
    "tiny.png": (lambda: _file(_disk(9, 14), format="PNG"), (9, 14)),
    "grey-16-bit.png": (lambda: _file(_disk(200, 260).astype(np.uint16) * 37, format="PNG"), (200, 260)),
    "panorama.png": (lambda: _file(_disk(120, 1500), format="PNG"), (120, 1500)),
    "huge.jpg": (lambda: _file(_disk(5000, 7000), format="JPEG", quality=80), (5000, 7000)),
}


@pytest.fixture(scope="module")
def uploaded(server: LimnerServer, signed_in: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project into which a person put all of them, and a broken file."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (make, _) in ODD.items():
        (folder / name).write_bytes(make())
    (folder / "broken.jpg").write_bytes(_rotated()[:900])
    project = new_project(server, "Odd images")
    page = signed_in.new_page()
    page.goto(project.url)
    page.locator("input[type=file]").first.set_input_files(sorted(map(str, folder.iterdir())))
    expect(page.get_by_text(re.compile("broken.jpg"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("tiny.png"))).to_have_count(1)
    page.close()
    return project


@pytest.mark.parametrize("name", ODD)
def test_click_accept_export(page: Page, uploaded: Project, name: str) -> None:
    height, width = ODD[name][1]
    work = AnnotatePage(page, uploaded, name)
    assert (work.height, work.width) == (height, width)
    page.mouse.click(*work.at(width / 2, height / 2))
    expect(work.candidates).to_have_count(3)
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
    (annotation,) = annotations_of(exported(uploaded, page), name)
    mask = rle.decode(rle.validate(annotation["segmentation"], (height, width)))
    assert mask.sum() == annotation["area"] > 0


def test_a_tiny_image_fills_the_stage_pixel_by_pixel(page: Page, project: Project) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8)
    project.upload({"icon.png": _file(pixels, format="PNG")})
    work = AnnotatePage(page, project, "icon.png")
    left, top, scale = work.image_rectangle()
    box = work.stage.bounding_box()
    assert box is not None
    assert 16 * scale > 0.9 * min(box["width"], box["height"])
    work.leave()
    within = np.array([0.1, 0.5, 0.9])  # of a pixel: it is a square of one colour
    columns = (left - box["x"] + (np.arange(16)[:, None] + within).ravel() * scale).astype(int)
    rows = (top - box["y"] + (np.arange(16)[:, None] + within).ravel() * scale).astype(int)
    assert np.array_equal(work.picture()[np.ix_(rows, columns)], pixels.repeat(3, axis=0).repeat(3, axis=1))

    page.keyboard.press("b")
    for _ in range(30):
        page.keyboard.press("[")
    page.get_by_text("1 px", exact=True).wait_for()
    for x, y in [(3, 8), (6, 2), (15, 15), (0, 0)]:
        page.mouse.click(*work.at(x + 0.5, y + 0.5))
    page.keyboard.down("Alt")
    page.mouse.click(*work.at(6.9, 2.1))
    page.keyboard.up("Alt")
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
    (annotation,) = annotations_of(exported(project, page), "icon.png")
    painted = np.argwhere(rle.decode(annotation["segmentation"]))
    assert sorted(map(tuple, painted.tolist())) == [(0, 0), (8, 3), (15, 15)]


def test_a_broken_file_is_named_and_not_stored(page: Page, uploaded: Project) -> None:
    coco = exported(uploaded, page)
    assert {image["file_name"] for image in coco["images"]} == set(ODD)


def test_the_description_of_the_api_is_open_and_nothing_else_is(server: LimnerServer) -> None:
    with urllib.request.urlopen(f"{server.address}/api/v1/openapi.json") as answer:
        assert json.load(answer)["openapi"].startswith("3.1")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{server.address}/api/v1/projects")
