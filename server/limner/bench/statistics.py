"""Figures of the work in a large project: what a page of them asks, from the sums that are kept, and from all rows.

The project is made of rows that look like a year's work of ten people; masks are short, since no figure reads them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select

from limner.bench.harness import Result, progress, result
from limner.bench.made_up import make_project
from limner.jobs.statistics import count_changes
from limner.store import Database, statistics
from limner.store.migrate import migrate
from limner.store.rollup import uncounted
from limner.store.tables import Annotation, Image
from limner.vocabulary.states import EffortBy

ANNOTATIONS = 1_000_000
PER_IMAGE = 50
ROUNDS = 5
GOAL_MS = 1000.0  # a page of figures
BY: tuple[EffortBy, ...] = ("category", "person", "model", "day")


def run(annotations: int = ANNOTATIONS) -> Iterator[Result]:
    """All measurements of ``limner bench statistics``."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'limner.db'}")
        migrate(database)
        progress(f"Making {annotations:,} annotations")
        project_id = make_project(database, max(1, annotations // PER_IMAGE), PER_IMAGE)
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
