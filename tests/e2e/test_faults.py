"""Nothing lost, nothing doubled: killed tabs, no network, a lost login, a killed server, two people on one image."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route, expect
from sqlalchemy import select

from limner.store.tables import Edit, Image
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import database_of, demo_project, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, start_server, stop_server
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

OPERATIONS = "**/operations"


class Mortal:
    """A server of these tests' own, to be killed and started again on the same home and port."""

    def __init__(self, running: LimnerServer) -> None:
        self.running = running

    def kill(self) -> None:
        """SIGKILL for all of its processes at once, as a power cut would."""
        process = psutil.Process(self.running.process.pid)
        family = [process, *process.children(recursive=True)]
        for each in family:
            each.kill()
        psutil.wait_procs(family)
        self.running.process.wait()
        if self.running.process.stdout is not None:
            self.running.process.stdout.close()

    def start_again(self) -> None:
        self.running = start_server(self.running.home, port=urlsplit(self.running.address).port or 0)

    def edits(self, file_name: str) -> list[tuple[str, str, Any]]:
        """(kind, uid, category) of every edit of an image, in order."""
        with database_of(self.running) as session:
            of_image = select(Edit).join(Image, Image.id == Edit.image_id).where(Image.file_name == file_name)
            edits = session.scalars(of_image.order_by(Edit.revision))
            return [(edit.kind, edit.uid, edit.payload.get("changes", {}).get("category_id")) for edit in edits]

    def count(self, file_name: str, kind: str) -> int:
        return sum(each == kind for each, *_ in self.edits(file_name))


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    server = Mortal(start_server(tmp_path_factory.mktemp("faults") / "home"))
    yield server
    stop_server(server.running)


@pytest.fixture
def person(mortal: Mortal, browser: Browser) -> Iterator[BrowserContext]:
    """Somebody's browser, signed in."""
    with closing(sign_in(mortal, browser)) as context:
        yield context


def sign_in(mortal: Mortal, browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(mortal.running))
    page.get_by_role("heading", name="Projects").wait_for()
    page.close()
    return context


def open_image(context: BrowserContext, mortal: Mortal, file_name: str) -> AnnotatePage:
    return AnnotatePage(context.new_page(), demo_project(mortal.running), file_name)


def drag_box(work: AnnotatePage, x: float, y: float) -> None:
    """Draw a box of 40 × 40 pixels around a place."""
    work.page.mouse.move(*work.at(x - 20, y - 20))
    work.page.mouse.down()
    work.page.mouse.move(*work.at(x + 20, y + 20), steps=3)
    work.page.mouse.up()


def draw(work: AnnotatePage, x: float, y: float) -> None:
    """Draw a small box and accept its mask; a click could select an object that lies there already."""
    before = work.objects.count()
    drag_box(work, x, y)
    expect(work.page.get_by_role("button", name=re.compile("Accept"))).to_be_enabled(timeout=TIMEOUT)
    work.page.keyboard.press("Enter")
    expect(work.objects).to_have_count(before + 1, timeout=TIMEOUT)


def recolour(work: AnnotatePage, times: int) -> list[int]:
    """Give the first object one category after the other; returns their ids. Categories are numbered from 1."""
    work.objects.first.locator("[data-uid]").click()
    chosen = [2 + index % 2 for index in range(times)]
    for category in chosen:
        work.page.keyboard.press(str(category))
    return chosen


def on_disk(page: Page, store: str, since: float = 0) -> None:
    """Wait until the browser's database has something in `store`: a few milliseconds after it is seen on the screen.

    Of drafts, something that was kept at the moment `since` of the page's clock or later.
    """
    script = """async ([store, since]) => {
      for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((resolve) => {
          indexedDB.open(name).onsuccess = (event) => resolve(event.target.result);
        });
        const request = database.transaction(store).objectStore(store).getAll();
        const rows = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        database.close();
        if (rows.some(({ kept = Infinity }) => kept >= since)) return true;
      }
      return false;
    }"""
    wait_until(page, lambda: page.evaluate(script, [store, since]), f"a row in {store}", pause=5)


def crash(page: Page) -> None:
    """Kill the processes of all tabs, and the one that Chromium keeps ready for the next tab."""
    assert page.context.browser is not None
    browser = page.context.browser.new_browser_cdp_session()

    def renderers() -> set[int]:
        processes = browser.send("SystemInfo.getProcessInfo")["processInfo"]
        return {each["id"] for each in processes if each["type"] == "renderer"}

    killed = renderers()
    with page.expect_event("crash"):
        for process in killed:
            os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + TIMEOUT / 1000
    while killed & renderers():  # until Chromium has noticed: it would open the next tab in a process that is gone
        assert time.monotonic() < deadline, "Chromium still lists processes that were killed"
        time.sleep(0.01)
    page.close()


def test_a_tab_killed_right_after_accept_loses_nothing(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "cat.png")
    work.page.route(OPERATIONS, lambda route: None)  # nothing gets out before the end
    draw(work, 200, 150)
    on_disk(work.page, "operations")
    crash(work.page)
    assert mortal.edits("cat.png") == []

    again = open_image(person, mortal, "cat.png")
    expect(again.objects).to_have_count(1)
    again.saved()
    assert mortal.count("cat.png", "create") == 1


def test_a_tab_killed_while_it_saves_doubles_nothing(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "coffee.png")

    stored = []

    def store_without_answer(route: Route) -> None:
        stored.append(route.fetch().ok)

    work.page.route(OPERATIONS, store_without_answer)
    draw(work, 250, 220)
    wait_until(work.page, lambda: stored, "the object is stored")
    crash(work.page)

    again = open_image(person, mortal, "coffee.png")
    expect(again.objects).to_have_count(1)
    again.saved()
    assert mortal.count("coffee.png", "create") == 1


def test_a_long_time_offline(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "rocket.jpg")
    draw(work, 320, 220)
    work.saved()
    person.set_offline(True)
    chosen = recolour(work, 60)
    draw(work, 330, 90)
    footer = work.page.get_by_role("contentinfo")
    expect(footer).to_contain_text("Offline (61 changes waiting)", timeout=TIMEOUT)
    assert len(mortal.edits("rocket.jpg")) == 1

    work.page.close()  # a day passes: another tab finds the work and sends it
    person.set_offline(False)
    again = open_image(person, mortal, "rocket.jpg")
    again.saved()
    expect(again.objects).to_have_count(2)
    kinds = [kind for kind, *_ in mortal.edits("rocket.jpg")]
    assert kinds == ["create", *["update"] * 60, "create"]
    assert [category for kind, _, category in mortal.edits("rocket.jpg") if kind == "update"] == chosen


def test_back_online_saves_by_itself(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "horse.png")
    person.set_offline(True)
    draw(work, 150, 150)
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Offline (1 change waiting)", timeout=TIMEOUT)
    person.set_offline(False)
    work.saved()
    assert mortal.count("horse.png", "create") == 1


def test_an_image_that_was_opened_offline_comes_by_itself_once_the_network_is_back(
    mortal: Mortal, person: BrowserContext
) -> None:
    ahead = re.compile(r"/embedding\?.*priority=prefetch")
    person.route(ahead, lambda route: route.abort())  # nothing is loaded ahead
    work = open_image(person, mortal, "cat.png")
    page, before = work.page, work.page.url
    person.set_offline(True)
    person.unroute(ahead)
    page.get_by_role("button", name="Next image", exact=True).click()
    page.wait_for_url(lambda address: address != before)
    problem = page.get_by_role("main").get_by_role("alert")
    expect(problem).to_contain_text("cannot be reached", timeout=TIMEOUT)
    stage = work.picture()
    below = stage[stage.shape[0] * 2 // 3 : -20, stage.shape[1] // 3 : stage.shape[1] * 2 // 3]  # what is said
    assert np.ptp(below, axis=(0, 1)).max() == 0, "the image before is not on the stage any more"
    person.set_offline(False)
    expect(problem).to_have_count(0, timeout=TIMEOUT)
    expect(page.get_by_role("heading", name="cat.png")).to_have_count(0, timeout=TIMEOUT)


def test_images_that_were_loaded_ahead_are_annotated_offline_and_saved_once_the_network_is_back(
    mortal: Mortal, person: BrowserContext
) -> None:
    page = person.new_page()
    embeddings: list[str] = []

    def note(answer: Response) -> None:
        if answer.status == 200 and "priority=prefetch" in answer.url:
            embeddings.append(answer.url)

    page.on("response", note)
    work = AnnotatePage(page, demo_project(mortal.running), "photographer.png")
    # The three after it and the one before it.
    wait_until(page, lambda: len(set(embeddings)) >= 4, "its neighbours are loaded ahead")
    before = mortal.count("horse.png", "create")
    person.set_offline(True)
    page.get_by_role("button", name="Next image", exact=True).click()
    page.get_by_role("heading", name="horse.png").wait_for()
    work.wait_until_ready()
    work.height, work.width = work._size()
    draw(work, 150, 150)
    expect(page.get_by_role("contentinfo")).to_contain_text("Offline (1 change waiting)", timeout=TIMEOUT)
    person.set_offline(False)
    work.saved()
    assert mortal.count("horse.png", "create") == before + 1


def test_storage_that_is_cleared_loses_nothing_of_an_open_tab(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "cat.png")
    before = mortal.count("cat.png", "create")
    errors: list[str] = []
    work.page.on("pageerror", lambda error: errors.append(str(error)))
    person.set_offline(True)
    draw(work, 60, 60)
    footer = work.page.get_by_role("contentinfo")
    expect(footer).to_contain_text("Offline (1 change waiting)")
    devtools = person.new_cdp_session(work.page)
    origin = {"origin": mortal.running.address, "storageTypes": "indexeddb"}
    devtools.send("Storage.clearDataForOrigin", origin)
    draw(work, 330, 240)
    expect(footer).to_contain_text("Offline (2 changes waiting)")
    person.set_offline(False)
    work.saved()
    assert mortal.count("cat.png", "create") == before + 2
    assert errors == []


def test_a_lost_login_is_mended_in_place(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "astronaut.png")
    draw(work, 220, 100)
    work.saved()
    held: list[Route] = []
    work.page.route(OPERATIONS, lambda route: held.append(route))
    chosen = recolour(work, 5)
    wait_until(work.page, lambda: held, "the first change is sent")
    person.clear_cookies()  # only now: the dialog takes the keys, and any request may open it
    held[0].continue_()
    dialog = work.page.get_by_role("dialog", name="Sign in again")
    dialog.wait_for()
    work.page.unroute(OPERATIONS)
    dialog.get_by_role("textbox", name="one-time link").fill(sign_in_link(mortal.running))
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    work.saved()
    assert [category for kind, _, category in mortal.edits("astronaut.png") if kind == "update"] == chosen
    draw(work, 100, 400)  # and work goes on
    work.saved()
    assert mortal.count("astronaut.png", "create") == 2


def test_a_server_killed_between_commit_and_answer(mortal: Mortal, person: BrowserContext) -> None:
    work = open_image(person, mortal, "motorcycle.png")
    killed = []

    def store_then_die(route: Route) -> None:
        if not killed:
            assert route.fetch().ok
            mortal.kill()
            killed.append(route.request.url)
        route.abort("connectionreset")

    work.page.route(OPERATIONS, store_then_die)
    draw(work, 350, 250)
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Offline (1 change waiting)", timeout=TIMEOUT)
    chosen = recolour(work, 4)
    expect(work.page.get_by_role("contentinfo")).to_contain_text("Offline (5 changes waiting)", timeout=TIMEOUT)
    work.page.unroute(OPERATIONS)
    mortal.start_again()
    work.saved()  # by itself, after a while
    kinds = [(kind, category) for kind, _, category in mortal.edits("motorcycle.png")]
    assert kinds == [("create", None), *(("update", category) for category in chosen)]

    # The event stream is there again too: what somebody else does shows at once.
    other = open_image(person, mortal, "motorcycle.png")
    draw(other, 100, 100)
    expect(work.objects).to_have_count(2, timeout=TIMEOUT)


def test_two_tabs_of_one_browser_work_together(mortal: Mortal, person: BrowserContext) -> None:
    one = open_image(person, mortal, "coins.png")
    two = open_image(person, mortal, "coins.png")
    draw(one, 45, 45)
    expect(two.objects).to_have_count(1, timeout=TIMEOUT)
    draw(two, 110, 50)
    expect(one.objects).to_have_count(2, timeout=TIMEOUT)
    chosen = recolour(one, 3)
    expect(two.objects.first).to_contain_text({2: "person", 3: "vehicle"}[chosen[-1]], timeout=TIMEOUT)
    one.saved()
    assert mortal.count("coins.png", "create") == 2
    assert mortal.count("coins.png", "update") == 3


@pytest.mark.parametrize(("choice", "kept"), [("Keep mine", 3), ("Keep theirs", 5)])
def test_two_people_on_one_object(
    mortal: Mortal, person: BrowserContext, browser: Browser, choice: str, kept: int
) -> None:
    mine = open_image(person, mortal, "moon.png")
    if mine.objects.count() == 0:
        draw(mine, 250, 250)
        mine.saved()
    with closing(sign_in(mortal, browser)) as colleague:
        theirs = open_image(colleague, mortal, "moon.png")
        person.set_offline(True)
        mine.objects.first.locator("[data-uid]").click()
        mine.page.keyboard.press("4")
        mine.page.keyboard.press("3")
        theirs.objects.first.locator("[data-uid]").click()
        theirs.page.keyboard.press("4")
        theirs.page.keyboard.press("5")
        theirs.saved()
        person.set_offline(False)
        mine.page.get_by_role("button", name="1 conflict").click()
        dialog = mine.page.get_by_role("dialog", name="Your changes and theirs")
        expect(dialog.get_by_role("figure")).to_have_count(2)
        expect(dialog).to_contain_text("vehicle")
        expect(dialog).to_contain_text("thing")
        dialog.get_by_role("button", name=choice).click()
        expect(dialog).to_have_count(0)
        mine.saved()
        *_, last = mortal.edits("moon.png")
        assert last[2] == kept
        expect(theirs.objects).to_have_count(1)
        expect(theirs.objects.first).to_contain_text({3: "vehicle", 5: "thing"}[kept], timeout=TIMEOUT)
