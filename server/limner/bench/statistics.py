"""Figures of the work in a large project: what a page of them asks, from the sums that are kept, and from all rows.

The project is made of rows that look like a year's work of ten people; masks are short, since no figure reads them.
"""

from __future__ import annotations

import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from limner.bench.harness import Result, progress, result
from limner.jobs.statistics import count_changes
from limner.store import Database, statistics
from limner.store.categories import create_category
from limner.store.migrate import migrate
from limner.store.people import add_person
from limner.store.projects import create_project
from limner.store.rollup import uncounted
from limner.store.tables import Annotation, Edit, Image
from limner.vocabulary.states import EffortBy

ANNOTATIONS = 1_000_000
PER_IMAGE = 50
PEOPLE, CATEGORIES, MODELS, DAYS = 10, 20, 2, 365
ROUNDS = 5
GOAL_MS = 1000.0  # a page of figures
BY: tuple[EffortBy, ...] = ("category", "person", "model", "day")


def run(annotations: int = ANNOTATIONS) -> Iterator[Result]:
    """All measurements of ``limner bench statistics``."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'limner.db'}")
        migrate(database)
        progress(f"Making {annotations:,} annotations")
        project_id = _fill(database, annotations)
        progress("Counting them for the first time")
        started = time.perf_counter()
        images = count_changes(database)
        per_image = 1000 * (time.perf_counter() - started) / images
        progress("Asking what a page of figures asks")
        page = _timed(lambda: _ask(database, project_id))
        rows = _timed(lambda: _from_rows(database, project_id), rounds=1)
        size = f"{annotations:,} annotations on {images:,} images"
        yield result(
            f"a page of figures, {size}",
            ("all its questions, from sums", page, None),
            (f"the goal: {GOAL_MS:.0f} ms", [GOAL_MS], None),
        )
        yield result(
            f"masks by category, {size}",
            ("from sums", _timed(lambda: _effort(database, project_id)), None),
            ("from all rows, without times", rows, None),
            notes=f"first counting took {per_image:.2f} ms an image",
        )
        change = _timed(lambda: _count_one(database, project_id))
        yield result(
            f"counting one image that changed, {size}",
            (f"a transaction, of {PER_IMAGE} annotations", change, None),
            (f"the goal: {GOAL_MS:.0f} ms", [GOAL_MS], None),
        )
        database.close()


def _timed(call: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each call, after one that does not count."""
    found = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - started))
    return found[1:]


def _ask(database: Database, project_id: int) -> None:
    """What ``/statistics`` asks for somebody who sees everything."""
    with database.read() as session:
        days = statistics.progress(session, project_id)
        statistics.forecast(days, days[-1].day)
        uncounted(session, project_id)
        for by in BY:
            statistics.effort(session, project_id, by)
        statistics.reviews(session, project_id)


def _effort(database: Database, project_id: int) -> None:
    with database.read() as session:
        statistics.effort(session, project_id, "category")


def _from_rows(database: Database, project_id: int) -> None:
    with database.read() as session:
        session.execute(
            select(Annotation.category_id, func.count())
            .join(Image, Image.id == Annotation.image_id)
            .where(Image.project_id == project_id, Annotation.deleted.is_(None))
            .group_by(Annotation.category_id)
        ).all()


def _count_one(database: Database, project_id: int) -> None:
    with database.write() as session:
        image = session.scalars(select(Image).where(Image.project_id == project_id).limit(1)).one()
        image.revision += 1
    count_changes(database)


def _fill(database: Database, annotations: int) -> int:
    """A project with so many annotations, and the history that led to them; its number."""
    rng = random.Random(1)
    with database.write() as session:
        project_id = create_project(session, "Large").id
        people = [add_person(session, f"person {index}", "member").id for index in range(PEOPLE)]
        categories = [create_category(session, project_id, f"category {index}").id for index in range(CATEGORIES)]
    for first in range(0, max(1, annotations // PER_IMAGE), 500):
        with database.write() as session:
            last = min(first + 500, max(1, annotations // PER_IMAGE))
            _add_images(session, rng, project_id, range(first + 1, last + 1), people, categories)
    return project_id


def _add_images(
    session: Session, rng: random.Random, project_id: int, numbers: range, people: list[int], categories: list[int]
) -> None:
    images, masks, edits = [], [], []
    for number in numbers:
        made = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(DAYS), hours=rng.randrange(24))
        author = rng.choice(people)
        images.append(
            {
                "id": number,
                "project_id": project_id,
                "file_name": f"{number}.jpg",
                "sort_name": f"{number:09}",
                "width": 640,
                "height": 480,
                "sha256": f"{number:064x}",
                "bytes": 1,
                "format": "JPEG",
                "display_type": "image/jpeg",
                "created": datetime(2025, 1, 1, tzinfo=UTC),
                "revision": PER_IMAGE + 1,
                "annotation_count": PER_IMAGE,
                "state": "submitted",
                "state_user_id": author,
                "state_changed": made,
                "author_id": author,
            }
        )
        for index in range(PER_IMAGE):
            uid = str(uuid.UUID(int=rng.getrandbits(128)))
            masks.append(
                {
                    "uid": uid,
                    "image_id": number,
                    "category_id": rng.choice(categories),
                    "counts": "0",
                    "area": 1,
                    "bbox_x": 0,
                    "bbox_y": 0,
                    "bbox_width": 1,
                    "bbox_height": 1,
                    "iscrowd": 0,
                    "attributes": {},
                    "provenance": {
                        "model_sha256": f"{rng.randrange(MODELS):064x}",
                        "seconds": round(rng.expovariate(0.1), 2),
                        "clicks": rng.randrange(1, 9),
                    },
                    "position": index,
                    "created": made,
                    "updated": made,
                }
            )
            edits.append(_edit(rng, number, index + 1, "create", uid, author, made, {}))
        uid = str(uuid.UUID(int=rng.getrandbits(128)))
        edits.append(_edit(rng, number, PER_IMAGE + 1, "mark", uid, author, made, {"state": "submitted"}))
    for table, rows in ((Image, images), (Annotation, masks), (Edit, edits)):
        session.connection().execute(insert(table), rows)


def _edit(
    rng: random.Random,
    image_id: int,
    revision: int,
    kind: str,
    uid: str,
    user_id: int,
    created: datetime,
    payload: dict[str, str],
) -> dict[str, object]:
    return {
        "image_id": image_id,
        "operation_id": str(uuid.UUID(int=rng.getrandbits(128))),
        "body_sha256": "0" * 64,
        "revision": revision,
        "kind": kind,
        "uid": uid,
        "payload": payload,
        "user_id": user_id,
        "created": created,
    }
