"""What goes on beside people who save, while it is measured what that costs them."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from limner.bench.blobs import MASKS, SIDE, mask
from limner.bench.harness import progress
from limner.bench.served import PATIENCE, Served
from limner.bench.web_memory import jpeg, variant
from limner.vocabulary.counted import counted

RATE = 120  # requests a second of those who save meanwhile
LEARNING_RATE = 60  # the load model's mean
IMPORTED = 10_000  # annotations of the import, all on one image
ENCODED = 1_000  # images of the precompute job
LEARNED = 12  # images of the learning run


@contextmanager
def importing(server: Served) -> Iterator[list[str]]:
    """An import of ten thousand annotations on one image, again and again, each into an image of its own."""
    project = server.new_project("Import")
    photo = jpeg((SIDE, SIDE))
    numbers = iter(range(1_000_000, 2_000_000))
    # A document takes a fifth of a second to write down. Here that would stop the clock of the saves, not their server.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:

        def once() -> str:
            name = f"{next(numbers)}.jpg"
            server.upload(project, name, variant(photo, int(name[:-4])))
            server.call(
                "POST", f"/projects/{project}/import?format=coco", elsewhere.submit(coco_document, name).result()
            )
            return f"{IMPORTED} annotations on one image"

        once()
        with again_and_again(once) as rounds:
            yield rounds


def coco_document(name: str) -> bytes:
    """A COCO file of ``IMPORTED`` new annotations on the image of that name."""
    masks = [mask(1000 + seed, roughness=0.1) for seed in range(MASKS)]
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "uid": str(uuid.uuid4()), "segmentation": masks[n % MASKS]}
        for n in range(IMPORTED)
    ]
    document = {
        "images": [{"id": 1, "file_name": name}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": annotations,
    }
    return json.dumps(document).encode()


@contextmanager
def backing_up(server: Served) -> Iterator[list[str]]:
    """Backups, one after the other, each into a new folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="limner-backup-")))
        numbers = iter(range(1_000_000))

        def once() -> str:
            target = folder / str(next(numbers))
            command = [sys.executable, "-m", "limner", "backup", str(target), "--home", str(server.home)]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            return "whole backup"

        yield stack.enter_context(again_and_again(once))


@contextmanager
def encoding(server: Served) -> Iterator[list[str]]:
    """A precompute job of more images than are encoded meanwhile."""
    project = server.new_project("Encode")
    photo = jpeg((SIDE, SIDE))
    for number in range(ENCODED):
        server.upload(project, f"{number}.jpg", variant(photo, 3_000_000 + number))
    job = server.call("POST", f"/projects/{project}/jobs", b'{"kind": "precompute"}')
    yield []
    done = server.call("GET", f"/projects/{project}/jobs")["jobs"][0]["done"]
    progress(f"encoded meanwhile: {counted(done, 'image')}")
    server.call("POST", f"/jobs/{job['id']}/cancel", b"")


@contextmanager
def learning(server: Served) -> Iterator[list[str]]:
    """A learning run of the model that trains for longer than is measured."""
    project = server.new_project("Learn")
    photo = jpeg((SIDE, SIDE))
    for number in range(LEARNED):
        image = server.upload(project, f"{number}.jpg", variant(photo, 4_000_000 + number))
        operation = {"kind": "create", "uid": str(uuid.uuid4()), "category_id": None, "segmentation": mask(number)}
        body = json.dumps({"operation_id": str(uuid.uuid4()), "operation": operation}).encode()
        server.call("POST", f"/images/{image}/operations", body, If_Match='"0"')
    run = server.call("POST", f"/projects/{project}/learning", b'{"kind": "model", "minutes": 60}')

    def state() -> Any:
        return server.call("GET", f"/projects/{project}/learning")["runs"][0]

    while (now := state())["progress"]["stage"] != "training":
        if now["state"] not in ("waiting", "running"):
            raise OSError(f"the learning run is {now['state']}: {now['message']}")
        time.sleep(0.5)
    first = now["progress"]["step"]
    yield []
    progress(f"{state()['progress']['step'] - first} steps were trained meanwhile")
    server.call("POST", f"/learning/{run['id']}/cancel", b"")
    while state()["state"] == "running":
        time.sleep(0.5)


@contextmanager
def again_and_again(once: Callable[[], str]) -> Iterator[list[str]]:
    """Do something in a thread until the block ends, and wait for its last time; what each time said."""
    ending, said = threading.Event(), list[str]()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not ending.is_set():
                said.append(once())
        except BaseException as error:  # noqa: BLE001  (raised below, in the thread that measures)
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield said
    finally:
        ending.set()
        thread.join(10 * PATIENCE)
    if failures:
        raise failures[0]


BESIDE: dict[str, tuple[int, Callable[[Served], AbstractContextManager[list[str]]]]] = {
    "import": (RATE, importing),
    "backup": (RATE, backing_up),
    "encoder": (RATE, encoding),
    "learning": (LEARNING_RATE, learning),
}
