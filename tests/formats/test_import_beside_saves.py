"""An import of many annotations beside people who save: whoever waits to save is next but one at most."""

from __future__ import annotations

import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from limner.formats.coco import import_coco
from limner.store import Database
from limner.store import engine as engine_module
from limner.store.images import add_image, lock_image
from limner.store.operations import apply_operation
from limner.store.turns import FairLock
from tests.store.conftest import World, create, mask_rle, new_image, world

__all__ = ["world"]
SAVERS, SAVES, IMPORTED = 6, 8, 1500


@pytest.fixture
def each_database() -> str:
    """SQLite, which has one writer at a time; PostgreSQL has its own way."""
    return "sqlite"


class Queue(deque[threading.Event]):
    """Notes who begins to wait; called while the lock's own mutex is held, so in the true order."""

    def append(self, turn: threading.Event) -> None:
        Turns.log.append(("waits", threading.current_thread().name))
        super().append(turn)


class Turns(FairLock):
    """Notes who waits for the lock and who gets it."""

    log: list[tuple[str, str]]

    def __init__(self) -> None:
        super().__init__()
        self._waiting = Queue()

    @contextmanager
    def hold(self, patience: float) -> Iterator[None]:
        with super().hold(patience):
            self.log.append(("gets", threading.current_thread().name))
            yield


def test_who_saves_beside_an_import_waits_for_one_of_its_turns_and_the_import_gets_through(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Turns, "log", [], raising=False)
    monkeypatch.setattr(engine_module, "FairLock", Turns)
    database = Database(str(world.database.engine.url))
    with database.write() as session:
        images = [add_image(session, world.project_id, new_image(1 + n))[0].id for n in range(SAVERS)]
    Turns.log.clear()

    def save(image_id: int) -> None:
        for _ in range(SAVES):
            with database.write(patience=60) as session:
                row = lock_image(session, image_id)
                apply_operation(session, row, str(uuid.uuid4()), create(str(uuid.uuid4())), revision=None, user_id=None)

    document = {
        "images": [{"id": 1, "file_name": "0.png"}],
        "categories": [],
        "annotations": [
            {"id": n, "image_id": 1, "uid": str(uuid.uuid4()), "segmentation": mask_rle(n % 50)}
            for n in range(IMPORTED)
        ],
    }
    reports = []
    data = json.dumps(document).encode()
    importer = threading.Thread(
        target=lambda: reports.append(import_coco(database, world.project_id, data)), name="import"
    )
    savers = [threading.Thread(target=save, args=(image,), name=f"saver {image}") for image in images]
    for thread in (importer, *savers):
        thread.start()
    for thread in (importer, *savers):
        thread.join(300)
        assert not thread.is_alive()
    database.close()

    assert reports[0].annotations == IMPORTED
    turns_of_import = sum(event == ("gets", "import") for event in Turns.log)
    assert 2 <= turns_of_import < IMPORTED / 4, "neither one long transaction nor one for each annotation"
    waiting: dict[str, int] = {}
    for what, name in Turns.log:
        if name == "import":
            waiting = {saver: passed + (what == "gets") for saver, passed in waiting.items()}
            assert max(waiting.values(), default=0) <= 2, "one that came before, and one that is noted late"
        elif what == "waits":
            waiting[name] = 0
        else:
            waiting.pop(name, None)
