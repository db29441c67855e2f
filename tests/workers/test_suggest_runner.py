"""Who runs the suggesting process, with a real process that needs no model."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from limner.blobs import BlobStore, image_key
from limner.config import Settings
from limner.jobs import working
from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest import SuggestQueue
from limner.jobs.suggest_jobs import start_suggest
from limner.jobs.suggest_one import ask_for_image, cancel_for_image
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, encoded_among
from limner.store.images import NewImage, add_image, get_image
from limner.store.jobs import get_job
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.suggestions import suggestions_of
from limner.suggesting import runner as module
from limner.suggesting.runner import SuggestionRunner
from limner.vocabulary.events import PublishedEvent, SuggestionsEvent
from limner.vocabulary.suggested import Everything, Similar
from tests.conftest import TEST_MODEL_SHA256

FAKE = Path(__file__).with_name("fake_suggester.py")
KEY = EmbeddingKey(TEST_MODEL_SHA256, 1)
PAYLOAD = SuggestPayload(model_sha256=KEY.model_sha256, request=Everything(points_per_side=2))
PATIENCE = 30.0  # s


class Bench:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.log = folder / "log"
        self.database = Database(f"sqlite:///{folder / 'store.db'}", on_commit=self.hear)
        migrate(self.database)
        self.blobs = BlobStore(settings.resolved_blob_url)
        self.heard: list[SuggestionsEvent] = []
        self.news = threading.Condition()
        with self.database.write() as session:
            self.project_id = create_project(session, "Cats").id
        self.runner: SuggestionRunner | None = None

    def hear(self, events: Sequence[PublishedEvent]) -> None:
        with self.news:
            self.heard += [each.event for each in events if isinstance(each.event, SuggestionsEvent)]
            self.news.notify_all()

    def run(self, start: str = "") -> SuggestionRunner:
        command = (sys.executable, str(FAKE), str(self.log), TEST_MODEL_SHA256, start)
        work = SuggestQueue(self.database, "me")
        self.runner = SuggestionRunner(self.settings, work, self.hear, command=command)
        self.runner.start()
        return self.runner

    def add(self, fate: str, name: str = "") -> int:
        sha256 = hashlib.sha256(fate.encode()).hexdigest()
        self.blobs.put(image_key(sha256), fate.encode())
        with self.database.write() as session:
            new = NewImage(f"{name or fate}.png", 64, 48, sha256, 100, "PNG", "image/png")
            return add_image(session, self.project_id, new)[0].id

    def ask(self, fate: str, payload: SuggestPayload = PAYLOAD) -> int:
        image_id = self.add(fate)
        with self.database.write() as session:
            ask_for_image(session, get_image(session, image_id), payload)
        return image_id

    def wait(self, condition: Callable[[], object]) -> None:
        with self.news:
            assert self.news.wait_for(condition, PATIENCE), self.heard

    def states(self, image_id: int) -> list[str]:
        return [event.state for event in self.heard if event.image_id == image_id]

    def job_state(self, job_id: int) -> str:
        with self.database.read() as session:
            return get_job(session, job_id).state


@pytest.fixture
def bench(settings: Settings, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(settings, tmp_path)
    yield bench
    if bench.runner is not None:
        bench.runner.stop()
    bench.database.close()


def test_what_is_found_is_written_down_and_pages_hear_how_it_goes(bench: Bench) -> None:
    image_id = bench.ask("fine")
    bench.run()
    bench.wait(lambda: "ready" in bench.states(image_id))
    assert bench.states(image_id) == ["running", "running", "ready"]
    assert [(event.done, event.total, event.found) for event in bench.heard] == [(0, 0, 0), (1, 4, 0), (0, 0, 1)]
    with bench.database.read() as session:
        (row,) = suggestions_of(session, image_id)
        assert (row.score, row.stability, row.area, row.model_sha256) == (1.0, 0.5, 5, TEST_MODEL_SHA256)
        sha256 = get_image(session, image_id).sha256
        assert encoded_among(session, [sha256], KEY) == {sha256}


def test_nothing_is_started_until_something_is_asked_for(bench: Bench) -> None:
    runner = bench.run()
    runner.look_again()
    image_id = bench.ask("fine")
    assert not bench.log.exists()
    runner.look_again()
    bench.wait(lambda: "ready" in bench.states(image_id))
    assert bench.log.read_text() == "start\n"


def test_a_process_without_work_is_ended_and_started_again_when_there_is_some(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE", 0.0)
    monkeypatch.setattr(working, "TICK", 0.01)
    first = bench.ask("fine")
    runner = bench.run()
    bench.wait(lambda: "ready" in bench.states(first))
    deadline = time.monotonic() + PATIENCE
    while runner.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runner.is_running
    second = bench.ask("fine too")
    runner.look_again()
    bench.wait(lambda: "ready" in bench.states(second))
    assert bench.log.read_text() == "start\n" * 2


def test_what_is_cancelled_stops_and_the_next_goes_on(bench: Bench) -> None:
    image_id = bench.ask("waits")
    runner = bench.run()
    bench.wait(lambda: len(bench.states(image_id)) == 2)
    with bench.database.write() as session:
        cancel_for_image(session, image_id)
    runner.look_again()
    bench.wait(lambda: "cancelled" in bench.states(image_id))
    other = bench.ask("fine")
    runner.look_again()
    bench.wait(lambda: "ready" in bench.states(other))
    assert bench.log.read_text() == "start\n"  # the same process


def test_an_image_over_which_the_process_dies_once_is_tried_again(bench: Bench) -> None:
    image_id = bench.ask("dies once")
    bench.run()
    bench.wait(lambda: "ready" in bench.states(image_id))
    assert bench.log.read_text() == "start\n" * 2


@pytest.mark.parametrize(("fate", "message"), [("dies", "ended over this image"), ("fails", "It is no image.")])
def test_an_image_that_cannot_be_done_is_given_up_and_the_next_goes_on(bench: Bench, fate: str, message: str) -> None:
    image_id, other = bench.ask(fate), bench.ask("fine")
    bench.run()
    bench.wait(lambda: "ready" in bench.states(other))
    (failed,) = (event for event in bench.heard if event.state == "failed")
    assert (failed.image_id, message in str(failed.error)) == (image_id, True)


def test_a_process_that_hangs_is_ended(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"encoder_timeout": 0.5})
    image_id = bench.ask("hangs")
    bench.run()
    bench.wait(lambda: "failed" in bench.states(image_id))
    assert "said nothing" in str(bench.heard[-1].error)


def test_a_job_stops_when_the_process_cannot_start(bench: Bench) -> None:
    image_id = bench.add("fine")
    with bench.database.write() as session:
        job_id = start_suggest(session, bench.project_id, PAYLOAD).id
    bench.run("broken")
    bench.wait(lambda: "failed" in bench.states(image_id))
    assert bench.job_state(job_id) == "failed"
    with bench.database.read() as session:
        assert get_job(session, job_id).message == "The weights are damaged. Install them again."


def test_a_model_that_is_gone_stops_its_job_alone_and_says_so(bench: Bench) -> None:
    gone = PAYLOAD.model_copy(update={"model_sha256": "d" * 64})
    image_id = bench.add("fine")
    with bench.database.write() as session:
        job_id = start_suggest(session, bench.project_id, gone).id
    bench.run()
    bench.wait(lambda: "failed" in bench.states(image_id))
    assert bench.job_state(job_id) == "failed"
    assert bench.heard[-1].error == "This model is not installed any more."
    other, asked = bench.ask("fine too"), bench.ask("also fine", gone)
    assert bench.runner is not None
    bench.runner.look_again()
    bench.wait(lambda: "ready" in bench.states(other) and "failed" in bench.states(asked))
    assert bench.log.read_text() == "start\n"  # the same process


def test_similar_objects_are_not_looked_for_without_examples(bench: Bench) -> None:
    bench.ask("fine", PAYLOAD.model_copy(update={"request": Similar(category_id=5)}))
    bench.run()
    bench.wait(lambda: bench.heard and bench.heard[-1].state == "failed")
    assert bench.heard[-1].error == "None of the examples is there any more."
    assert not bench.log.exists()


def test_work_in_hand_is_given_back_when_the_server_stops(bench: Bench) -> None:
    image_id = bench.ask("waits")
    runner = bench.run()
    bench.wait(lambda: len(bench.states(image_id)) == 2)
    runner.stop()
    item = SuggestQueue(bench.database, "somebody else").claim()
    assert item is not None
    assert item.image.id == image_id
