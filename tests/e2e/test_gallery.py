"""The gallery of a large project: page after page, back to where one was, and deleting with open eyes."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect
from sqlalchemy import text

from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

IMAGES = 320  # several pages of the list


def tile(number: int) -> bytes:
    """A small PNG, unlike all others."""
    file = BytesIO()
    Image.new("RGB", (8, 6), (number % 256, number // 256, 90)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def large_project(server: LimnerServer) -> int:
    api = Api(server)
    project_id = api.create_project("Tiles")
    api.upload(project_id, {f"tile-{number:04}.png": tile(number) for number in range(IMAGES)})
    return project_id


def written(server: LimnerServer) -> list[int]:
    """How many rows there are of all that looking could have changed; that an image was encoded is no change."""
    tables = ("images", "annotations", "edits", "events WHERE kind <> 'embedding'", "jobs")
    with database_of(server) as session:
        return [session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def number_of(server: LimnerServer, project_id: int, tile_number: int) -> int:
    """The image's number in the database."""
    found = text("SELECT id FROM images WHERE project_id = :project_id AND file_name = :name")
    with database_of(server) as session:
        name = f"tile-{tile_number:04}.png"
        return int(session.execute(found, {"project_id": project_id, "name": name}).scalar_one())


def test_looking_through_hundreds_of_images_writes_nothing(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    before = written(server)
    changes: list[str] = []

    def watch(request: Request) -> None:
        if request.method not in ("GET", "HEAD"):
            changes.append(f"{request.method} {request.url}")

    page.on("request", watch)
    page.goto(f"{server.address}/projects/{large_project}")
    last = page.get_by_role("link", name=re.compile(f"tile-{IMAGES - 1:04}.png"))
    page.get_by_role("link", name=re.compile("tile-0000.png")).wait_for()
    for _ in range(IMAGES):
        if last.count():
            break
        page.mouse.move(400, 400)
        page.mouse.wheel(0, 2500)
        page.wait_for_timeout(50)
    expect(last).to_be_visible()
    assert page.get_by_role("link", name=re.compile("tile-")).count() < IMAGES / 2  # only what is near is drawn

    scrolled = page.evaluate("() => scrollY")
    last.click()
    page.get_by_role("heading", name=f"tile-{IMAGES - 1:04}.png").wait_for()
    page.go_back()
    expect(last).to_be_visible()
    assert page.evaluate("() => scrollY") == pytest.approx(scrolled, abs=2)
    assert changes == []
    assert written(server) == before


def test_what_is_listed_stands_in_the_address_and_is_walked(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    page.get_by_role("link", name=re.compile("tile-0000.png")).wait_for()
    page.get_by_role("searchbox", name="Search names").fill("tile 12")
    page.get_by_role("combobox", name="Order").select_option("name")
    page.get_by_role("button", name="Descending").click()
    grid = page.get_by_role("list", name="Images")
    first = grid.get_by_role("link").first
    expect(first).to_have_accessible_name(re.compile("tile-0312.png"))
    expect(page).to_have_url(re.compile(r"\?search=tile\+12&order=name&descending=true$"))
    found = [f"tile-{number:04}.png" for number in range(IMAGES) if "12" in f"{number:04}"]
    expect(grid.get_by_role("listitem")).to_have_count(len(found))

    first.click()
    for name in reversed(found[-3:]):
        page.get_by_role("heading", name=name).wait_for()
        page.keyboard.press("d")
    page.get_by_role("heading", name=found[-4]).wait_for()
    page.get_by_role("link", name=re.compile("Back to the images")).click()
    expect(first).to_have_accessible_name(re.compile("tile-0312.png"))
    page.get_by_role("button", name="Show all").click()
    expect(first).to_have_accessible_name(re.compile(f"tile-{IMAGES - 1:04}.png"))


def test_pictures_of_tiles_that_went_by_are_not_waited_for(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    waiting: list[Request] = []
    page.context.route("**/thumbnail", lambda route: waiting.append(route.request))  # no picture ever comes
    page.on("requestfailed", lambda request: waiting.remove(request) if request in waiting else None)
    page.goto(f"{server.address}/projects/{large_project}")
    pictures = page.locator("[data-index] img")

    def asked_for() -> set[str]:
        return {request.url for request in waiting}

    def near() -> set[str]:
        return set(pictures.evaluate_all("pictures => pictures.map(it => it.src)"))

    wait_until(page, lambda: near() and asked_for() == near(), "the pictures of the first tiles are asked for")
    first = near()
    page.evaluate("() => scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    page.get_by_role("link", name=re.compile(f"tile-{IMAGES - 1:04}.png")).wait_for()
    wait_until(page, lambda: asked_for() == near(), "only pictures of what is near are asked for")
    assert not near() & first


def test_keys_walk_to_tiles_that_were_never_seen(server: LimnerServer, page: Page, large_project: int) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    page.get_by_role("link", name=re.compile("tile-0000.png")).focus()
    page.keyboard.press("End")
    last = page.get_by_role("link", name=re.compile(f"tile-{IMAGES - 1:04}.png"))
    expect(last).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("link", name=re.compile(f"tile-{IMAGES - 2:04}.png"))).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_role("link", name=re.compile("tile-0000.png"))).to_be_focused()


def test_many_images_are_chosen_by_mouse_and_keys_changed_and_taken_back(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    tile = lambda number: page.get_by_role("link", name=re.compile(f"tile-{number:04}.png"))  # noqa: E731
    bar = page.get_by_role("toolbar", name="Chosen images")
    tile(0).click(modifiers=["Control"])
    tile(3).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 chosen")
    tile(1).focus()
    page.keyboard.press("Space")
    expect(bar).to_contain_text("3 chosen")
    bar.get_by_role("button", name="Submit").click()
    asked = page.get_by_role("dialog", name="Submit images without masks?")
    expect(asked).to_contain_text("3 images have no masks.")
    assert violations(page) == []
    asked.get_by_role("button", name="Cancel").click()
    expect(bar).to_contain_text("3 chosen")
    bar.get_by_role("button", name="Submit").click()
    asked.get_by_role("button", name="Submit without masks").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("3 images submitted.")
    expect(bar).to_have_count(0)
    for number in (0, 2, 3):
        expect(tile(number)).to_have_accessible_name(re.compile("submitted"))
    expect(tile(1)).not_to_have_accessible_name(re.compile("submitted"))
    log.get_by_role("button", name="Undo").click()
    expect(tile(3)).not_to_have_accessible_name(re.compile("submitted"))
    page.get_by_role("searchbox", name="Search names").fill("tile-000")
    expect(page.get_by_role("list", name="Images").get_by_role("listitem")).to_have_count(10)
    tile(4).focus()
    page.keyboard.press("Control+a")
    expect(bar).to_contain_text("10 chosen")
    bar.get_by_role("button", name="Skip…").click()
    dialog = page.get_by_role("dialog", name="Skip 10 images")
    dialog.get_by_role("textbox", name="Why").fill("no objects")
    dialog.get_by_role("button", name="Skip", exact=True).click()
    expect(log).to_contain_text("10 images skipped.")
    expect(tile(9)).to_have_accessible_name(re.compile("skipped: no objects"))
    log.get_by_role("button", name="Undo").click()
    expect(tile(9)).not_to_have_accessible_name(re.compile("skipped"))


def test_a_marquee_chooses_what_it_touches_and_scrolls_along(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    tile = lambda number: page.get_by_role("link", name=re.compile(f"tile-{number:04}.png"))  # noqa: E731
    bar = page.get_by_role("toolbar", name="Chosen images")
    first, third = (tile(number).bounding_box() for number in (0, 2))
    assert first
    assert third
    page.mouse.move(first["x"] + 30, first["y"] + 30)
    page.mouse.down()
    page.mouse.move(third["x"] + 30, third["y"] + 40, steps=4)
    page.mouse.up()
    expect(bar).to_contain_text("3 chosen")
    expect(page).to_have_url(re.compile(f"/projects/{large_project}$"))  # the mouse was on tiles, which are links

    page.keyboard.down("Control")
    page.mouse.move(first["x"] + first["width"] + 6, first["y"] + 240)  # between two tiles
    page.mouse.down()
    page.mouse.move(third["x"] + 30, 715, steps=4)
    page.wait_for_function("() => scrollY > 1500")
    page.mouse.up()
    page.keyboard.up("Control")
    expect(bar).to_contain_text(re.compile(r"\b\d\d chosen"))
    bar.get_by_role("button", name="Choose none").click()

    page.keyboard.press("Home")
    page.evaluate("() => scrollTo(0, 0)")
    page.mouse.move(first["x"] + 30, first["y"] + 30)
    page.mouse.down()
    page.mouse.move(third["x"] + 30, third["y"] + 40, steps=4)
    expect(bar).to_contain_text("3 chosen")
    page.keyboard.press("Escape")
    expect(bar).to_have_count(0)
    page.mouse.up()
    expect(bar).to_have_count(0)
    expect(page).to_have_url(re.compile(f"/projects/{large_project}$"))


def test_folders_are_a_tree_and_what_was_chosen_in_one_is_exported(server: LimnerServer, page: Page) -> None:
    api = Api(server)
    project_id = api.create_project("Streets")
    paths = ("street/day/a.png", "street/night/rain/b.png", "yard/c.png")
    api.upload(project_id, {path: tile(number) for number, path in enumerate(paths)})
    page.goto(f"{server.address}/projects/{project_id}")
    folder = page.get_by_role("combobox", name="Folder")
    expect(folder.get_by_role("option")).to_have_text(
        ["All folders", "street (2)", "day (1)", "night (1)", "rain (1)", "yard (1)"]
    )
    folder.select_option("street")  # in which no image is but in its folders
    images = page.get_by_role("list", name="Images").get_by_role("listitem")
    expect(images).to_have_count(2)
    page.get_by_role("link", name=re.compile("b.png")).click(modifiers=["Control"])
    page.get_by_role("toolbar", name="Chosen images").get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("radio", name="The image that you chose")).to_be_checked()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Export", exact=True).click()
    coco = json.loads(Path(download.value.path()).read_text())
    assert [each["file_name"] for each in coco["images"]] == ["street/night/rain/b.png"]


def test_tiles_have_a_size_that_lasts_and_what_was_at_the_top_stays_there(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    size = page.get_by_role("slider", name="Size of the tiles")

    def width() -> float:
        box = page.get_by_role("link", name=re.compile(r"tile-\d+.png")).first.bounding_box()
        assert box
        return box["width"]

    usual = width()
    page.mouse.wheel(0, 3000)
    at_top = """() => Math.min(...[...document.querySelectorAll("[data-index]")]
        .filter((tile) => tile.getBoundingClientRect().bottom > 60).map((tile) => Number(tile.dataset.index)))"""
    wait_until(page, lambda: page.evaluate(at_top) > 20, "tiles further down")
    before = page.evaluate(at_top)
    page.evaluate("() => document.querySelector('input[type=range]').focus({preventScroll: true})")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_until(page, lambda: width() < 0.75 * usual, "smaller tiles")
    columns = 2 * 1280 // int(usual)  # one row more or less
    assert abs(page.evaluate(at_top) - before) <= columns
    page.reload()
    expect(size).to_have_value("0.5")
    wait_until(page, lambda: width() < 0.75 * usual, "smaller tiles")
    size.fill("1")  # the tests of a file share a profile


def test_tags_are_given_to_many_filter_what_is_walked_and_follow_what_others_do(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    tile = lambda number: page.get_by_role("link", name=re.compile(f"tile-{number:04}.png"))  # noqa: E731
    bar = page.get_by_role("toolbar", name="Chosen images")
    tile(2).click(modifiers=["Control"])
    tile(5).click(modifiers=["Control"])
    bar.get_by_role("button", name="Tag…").click()
    dialog = page.get_by_role("dialog", name="Tag 2 images")
    dialog.get_by_role("combobox", name="Tag").fill("night")
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log).to_contain_text("2 images tagged “night”.")
    expect(tile(5)).to_have_accessible_name(re.compile("tagged night"))
    log.get_by_role("button", name="Undo").click()
    expect(tile(5)).not_to_have_accessible_name(re.compile("tagged"))

    api = Api(server)

    def others(action: str, *tiles: int) -> None:
        change = {"action": action, "tag": "night"}
        body = {"image_ids": [number_of(server, large_project, number) for number in tiles], "change": change}
        api.post(f"/projects/{large_project}/images/change", json.dumps(body).encode())

    others("tag", 2, 5, 7)
    expect(tile(7)).to_have_accessible_name(re.compile("tagged night"))
    page.get_by_role("combobox", name="Tag").select_option("night")
    expect(page.get_by_role("list", name="Images").get_by_role("listitem")).to_have_count(3)
    expect(page).to_have_url(re.compile(r"\?tag=night$"))

    tile(2).click()
    page.get_by_role("heading", name="tile-0002.png").wait_for()
    page.keyboard.press("d")
    page.get_by_role("heading", name="tile-0005.png").wait_for()
    page.get_by_role("button", name="Tags: night").click()
    tags = page.get_by_role("dialog", name="Tags of this image")
    tags.get_by_role("combobox", name="New tag").fill(" wet   road ")
    page.keyboard.press("Enter")
    expect(tags.get_by_role("listitem")).to_have_text(["night", "wet road"])
    tags.get_by_role("button", name="Remove the tag night").click()
    expect(tags.get_by_role("listitem")).to_have_text(["wet road"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Tags: wet road").wait_for()
    page.keyboard.press("d")
    page.get_by_role("heading", name="tile-0007.png").wait_for()
    others("untag", 7)
    page.get_by_role("button", name="Tags: none yet").wait_for()


def test_chosen_images_are_moved_to_a_folder_and_back(server: LimnerServer, page: Page) -> None:
    api = Api(server)
    project_id = api.create_project("Yards")
    paths = ("day/a.png", "b.png", "night/c.png")
    api.upload(project_id, {path: tile(number) for number, path in enumerate(paths)})
    page.goto(f"{server.address}/projects/{project_id}")
    images = page.get_by_role("list", name="Images").get_by_role("listitem")
    image = lambda name: page.get_by_role("link", name=name)  # noqa: E731
    options = page.get_by_role("combobox", name="Folder", exact=True).get_by_role("option")
    bar = page.get_by_role("toolbar", name="Chosen images")
    log = page.get_by_role("log")
    image("day/a.png").click(modifiers=["Control"])
    image("b.png").click(modifiers=["Control"])
    bar.get_by_role("button", name="Move…").click()
    dialog = page.get_by_role("dialog", name="Move 2 images")
    dialog.get_by_role("combobox", name="To the folder").fill("night/rain")
    page.keyboard.press("Enter")
    expect(log).to_contain_text("2 images moved to “night/rain”.")
    expect(image("night/rain/a.png")).to_have_count(1)
    expect(image("night/rain/b.png")).to_have_count(1)
    expect(options).to_have_text(["All folders", "night (3)", "rain (2)"])
    log.get_by_role("button", name="Undo").click()
    expect(image("day/a.png")).to_have_count(1)
    expect(options).to_have_text(["All folders", "day (1)", "night (1)"])
    expect(image("night/rain")).to_have_count(0)

    page.get_by_role("combobox", name="Folder", exact=True).select_option("night")
    expect(images).to_have_count(1)
    image("night/c.png").click()
    page.get_by_role("heading", name="night/c.png").wait_for()
    body = {"image_ids": None, "change": {"action": "move", "folder": ""}}
    api.post(f"/projects/{project_id}/images/change", json.dumps(body).encode())
    page.get_by_role("heading", name=re.compile("^c.png")).wait_for()


def test_a_deleted_image_waits_in_the_trash_and_a_deleted_project_says_what_is_lost(
    server: LimnerServer, page: Page, large_project: int
) -> None:
    page.goto(f"{server.address}/projects/{large_project}")
    card = page.get_by_role("link", name=re.compile("tile-0000.png"))
    delete = page.get_by_role("button", name="Delete tile-0000.png")
    card.hover()
    delete.click()
    expect(card).to_have_count(0)
    page.get_by_role("log").get_by_role("button", name="Undo").click()
    expect(card).to_be_visible()
    delete.click()
    expect(card).to_have_count(0)
    page.get_by_role("link", name="Trash").click()
    deleted = page.get_by_role("list", name="Deleted images")
    expect(deleted.get_by_text("tile-0000.png")).to_be_visible()
    page.get_by_role("button", name="Restore tile-0000.png").click()
    expect(deleted).to_contain_text("Nothing is in the trash.")
    page.get_by_role("link", name="Images").click()
    expect(card).to_be_visible()
    delete.click()
    expect(card).to_have_count(0)
    settings = page.get_by_role("region", name="Project settings")
    settings.get_by_role("textbox").fill("Old tiles")
    settings.get_by_role("textbox").press("Enter")
    page.get_by_role("heading", name="Old tiles").wait_for()
    settings.get_by_role("button", name="Delete project").click()
    dialog = page.get_by_role("dialog", name="Delete Old tiles?")
    expect(dialog).to_contain_text(f"{IMAGES - 1} images, 0 masks")
    dialog.get_by_role("button", name="Delete project").click()
    page.get_by_role("heading", name="Projects").wait_for()
    expect(page.get_by_role("link", name=re.compile("Old tiles"))).to_have_count(0)
    expect(page.get_by_role("link", name=re.compile("Demo"))).to_be_visible()
