"""Background work: how full batches are, what a finished image costs the database, and how long an outage holds it up.

The encoder's process is replaced by one that sleeps (``limner.bench.sleeping_worker``), so that what is measured is the
queue. The references are those of the queue before, measured in the same way on the same kind of machine.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sqlalchemy import insert, literal, select

from limner.bench.harness import Result, progress, result
from limner.blobs import BlobStore, image_key
from limner.config import Settings
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EncodeEvent
from limner.jobs.encoding import EncodingQueue
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.models.catalogue import ModelCard, find_model
from limner.models.in_use import Models
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.jobs import get_job
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Embedding, Image
from limner.store.types import utc_now

BATCH = 8  # images that the worker takes at once
IMAGES = 1_000  # of the project whose batches are counted
SIZES = (1_000, 10_000, 100_000, 1_000_000)
FINISHED = 25  # batches whose cost is measured in each size
COUNT_BEFORE_MS = 303.0  # ms of write lock per finished image at 100,000 images, of the queue before
FILL_BEFORE = 2.0  # mean images in a batch, of the queue before
GOAL_FILL, GOAL_MS = 7.5, 2.0
OUTAGE, HANG_NOTICED_AFTER = 3.0, 5.0  # s
MODEL_SHA256 = hashlib.sha256(b"").hexdigest()
KEY = EmbeddingKey.of(MODEL_SHA256)
WORKER = (sys.executable, "-m", "limner.bench.sleeping_worker")


def run(sizes: Sequence[int] = SIZES) -> Iterator[Result]:
    """All measurements of ``limner bench jobs``."""
    progress(f"Encoding {IMAGES} images in batches of {BATCH}")
    yield from batch_fill()
    for size in sizes:
        progress(f"Finishing images in a project of {size:,}")
        yield cost_of_finishing(size)
    progress("Taking the database away")
    yield recovery_from_outage()
    progress("Having the worker hang")
    yield recovery_from_hang()


@dataclass
class Bench:
    """A home with a project, and an encoder that sleeps."""

    home: Path
    database: Database
    blobs: BlobStore
    models: Models
    project_id: int
    log: Path

    def start_job(self) -> int:
        """A job on the whole project."""
        with self.database.read() as session:
            counted = count_unencoded(session, self.project_id, KEY)
        with self.database.write() as session:
            return start_precompute(session, self.project_id, KEY, counted).id

    def encoder(self, behaviour: str = "", timeout: float = 300.0) -> EmbeddingService:
        """An encoder whose worker sleeps; ``behaviour`` "hang" has it hang once."""
        settings = Settings(home=self.home, model="sleeper", encoder_timeout=timeout)
        queue = EncodingQueue(self.database, self.models, "bench")
        command = (*WORKER, str(self.log), MODEL_SHA256, str(BATCH), behaviour)
        return EmbeddingService(settings, self.blobs, queue, command=command)

    def wait(self, condition: Callable[[], bool], patience: float = 300.0) -> None:
        """Until it holds.

        Raises:
            TimeoutError: it does not come to hold.
        """
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the encoder did not come so far")
            time.sleep(0.02)

    def done(self, job_id: int) -> int:
        """Images of a job that are done."""
        with self.database.read() as session:
            return get_job(session, job_id).done

    def batches(self) -> list[tuple[int, int]]:
        """(images, images decoded ahead) of each batch that the worker was given."""
        return [
            (len(line["targets"]), len(line["following"]))
            for line in map(json.loads, self.log.read_text().splitlines())
        ]


@contextmanager
def bench_of(images: int, *, with_blobs: bool) -> Iterator[Bench]:
    """A project of made-up images in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = home / "models" / "sleeper"
        model.mkdir(parents=True)
        (model / "weights.safetensors").write_bytes(b"")
        card = ModelCard(name="sleeper", title="", family="samlet", licence="", weights_sha256=MODEL_SHA256)
        (model / "model.json").write_text(card.model_dump_json())
        database = Database(f"sqlite:///{home / 'limner.db'}")
        migrate(database)
        blobs = BlobStore(str(home / "blobs"))
        with database.write() as session:
            project_id = create_project(session, "Bench").id
        for start in range(0, images, 5_000):
            numbers = range(start, min(start + 5_000, images))
            with database.write() as session:
                session.execute(insert(Image), [_image(project_id, number) for number in numbers])
            for number in numbers if with_blobs else ():
                blobs.put(image_key(sha(number)), b"x")
        log = home / "log"
        log.touch()
        try:
            yield Bench(home, database, blobs, Models(home, find_model("sleeper", home)), project_id, log)
        finally:
            database.close()


def batch_fill() -> Iterator[Result]:
    """How full the batches of a worker are that takes eight, and how many images are decoded ahead."""
    with bench_of(IMAGES, with_blobs=True) as bench:
        job = bench.start_job()
        encoder = bench.encoder()
        encoder.start()
        bench.wait(lambda: bench.done(job) == IMAGES)
        encoder.stop()
        batches = bench.batches()
    fill = statistics.mean(images for images, _ in batches)
    ahead = statistics.mean(ahead for _, ahead in batches)
    yield _figure("batch fill", "images in a batch", fill, "before", FILL_BEFORE, f"goal ≥ {GOAL_FILL}; no times")
    yield _figure("decoded ahead", "images decoded ahead", ahead, "batch size", BATCH, "was 0 before; no times")


def cost_of_finishing(size: int) -> Result:
    """Milliseconds of SQLite's write lock for each finished image, when half of the project is encoded."""
    with bench_of(size, with_blobs=False) as bench:
        _encode_half(bench.database)
        bench.start_job()
        queue = EncodingQueue(bench.database, bench.models, "bench")
        costs: list[float] = []
        cpu: list[float] = []
        with _stopwatch(bench.database) as held:
            for _ in range(min(FINISHED, size // (4 * BATCH))):
                held.clear()
                claims = queue.claim(BATCH)
                queue.settle([EncodeEvent(each.target, "ready", seconds=1, bytes=9) for each in claims])
                costs.append(1000 * sum(wall for wall, _ in held) / len(claims))
                cpu.append(1000 * sum(spent for _, spent in held) / len(claims))
    return result(
        f"write lock per finished image, {size:,} images",
        ("claim and settle, batches of 8", costs, cpu),
        ("counting, at 100,000 images, before", [COUNT_BEFORE_MS], None),
        f"goal ≤ {GOAL_MS} ms, flat",
    )


def recovery_from_outage() -> Result:
    """From the moment that the database is back until another image is written down."""
    with bench_of(IMAGES, with_blobs=True) as bench:
        job = bench.start_job()
        encoder = bench.encoder()
        encoder.start()
        bench.wait(lambda: bench.done(job) >= 100)
        with _locked_away(bench.database):
            time.sleep(OUTAGE)
        back, known = time.perf_counter(), bench.done(job)
        bench.wait(lambda: bench.done(job) > known)
        seconds = time.perf_counter() - back
        bench.wait(lambda: bench.done(job) == IMAGES)
        encoder.stop()
        encoded = sum(images for images, _ in bench.batches())
    notes = f"nothing was written for {OUTAGE:.0f} s; {IMAGES} images done, {encoded} encoded; before: never"
    return result("recovery from an outage of the database", ("first image", [seconds * 1000], None), _limit(15), notes)


def recovery_from_hang() -> Result:
    """From the moment that the worker hangs until another image is written down."""
    with bench_of(100, with_blobs=True) as bench:
        job = bench.start_job()
        encoder = bench.encoder("hang", timeout=HANG_NOTICED_AFTER)
        encoder.start()
        bench.wait(lambda: bench.log.with_name("hangs").exists())
        start, known = time.perf_counter(), bench.done(job)
        bench.wait(lambda: bench.done(job) > known + BATCH)
        seconds = time.perf_counter() - start
        bench.wait(lambda: bench.done(job) == 100)
        encoder.stop()
    notes = f"noticed after LIMNER_ENCODER_TIMEOUT={HANG_NOTICED_AFTER:.0f} s; all images done; before: never"
    return result("recovery from a hung worker", ("next image", [seconds * 1000], None), _limit(60), notes)


def _limit(seconds: float) -> tuple[str, list[float], None]:
    return f"limit of {seconds:.0f} s", [seconds * 1000], None


def _figure(case: str, subject: str, value: float, reference: str, other: float, notes: str) -> Result:
    """Figures that are no times, in the columns of times."""
    return result(case, (subject, [value], None), (reference, [other], None), notes)


def sha(number: int) -> str:
    """The hash of the made-up image of this number."""
    return f"{number:064x}"


def _image(project_id: int, number: int) -> dict[str, object]:
    fixed = {"width": 4, "height": 3, "bytes": 1, "format": "PNG", "display_type": "image/png", "created": utc_now()}
    return {"project_id": project_id, "file_name": f"{number}.png", "sha256": sha(number), **fixed}


def _encode_half(database: Database) -> None:
    """Every second image has an embedding."""
    columns = {
        Embedding.image_sha256: Image.sha256,
        Embedding.model_sha256: literal(KEY.model_sha256),
        Embedding.preprocessing_version: literal(KEY.preprocessing_version),
        Embedding.seconds: literal(1.0),
        Embedding.bytes: Image.bytes,
        Embedding.created: Image.created,
        Embedding.last_used: Image.created,
        Embedding.removal_order: Image.created,
    }
    with database.write() as session:
        half = select(*columns.values()).where(Image.id % 2 == 0)
        session.execute(insert(Embedding).from_select(list(columns), half, include_defaults=False))


@contextmanager
def _stopwatch(database: Database) -> Iterator[list[tuple[float, float]]]:
    """Seconds, and seconds of CPU, of every writing transaction, from its begin to its commit."""
    held: list[tuple[float, float]] = []
    write = database.write

    @contextmanager
    def timed(**how: bool) -> Iterator[object]:
        start, cpu = time.perf_counter(), time.thread_time()
        with write(**how) as session:
            yield session
        held.append((time.perf_counter() - start, time.thread_time() - cpu))

    database.write = timed  # type: ignore[assignment, method-assign]
    try:
        yield held
    finally:
        database.write = write  # type: ignore[method-assign]


@contextmanager
def _locked_away(database: Database) -> Iterator[None]:
    """Every access to the database raises."""
    read, write = database.read, database.write

    def away(**_: bool) -> NoReturn:
        raise OSError("the database is away")

    database.read = database.write = away  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        database.read, database.write = read, write  # type: ignore[method-assign]
