"""``limner bench scale``: one installation with very many images, in PostgreSQL, by rows that are made up.

What people and the server ask all day is timed twice in the same run: among one per cent of the rows, and among all of
them. A ratio near 1 says that it does not grow with the installation. Nothing is decoded or encoded; blobs are absent.

A database that was filled is asked again, and compared with the figures of the run before: what a change of Limner did.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from limner.bench.harness import Milliseconds, Result, progress, result, summary
from limner.blobs import BlobStore
from limner.errors import InvalidInput
from limner.formats.coco import export_coco
from limner.jobs.embedding_cap import EmbeddingCap
from limner.jobs.statistics import count_encoded_images
from limner.jobs.sweep import GRACE, sweep, unreference
from limner.store import Database, statistics
from limner.store.accounts import ensure_local_admin
from limner.store.categories import categories_of, count_annotations, create_category
from limner.store.embeddings import EmbeddingKey
from limner.store.engine import is_sqlite_url
from limner.store.folders import folders_of
from limner.store.leases import take_next
from limner.store.listing import count_images, page_images, position_of
from limner.store.migrate import migrate
from limner.store.projects import count_projects, create_project, get_project, list_projects
from limner.store.rollup import NEVER, is_due
from limner.store.tables import Category, Embedding, Image, Project
from limner.store.types import utc_now
from limner.vocabulary.listing import ImageOrder, Listing

SMALL = 100  # times fewer rows, for the reference
SHARD_IMAGES = 1_000  # of the project that is exported, beside the large one
NAMES = ("Large", "Shard")
PAGE = 100  # images of a page of the gallery
ROUNDS = 40
PEOPLE, CATEGORIES = 20, 50
CHANGED = 100  # images that the counter has not seen yet

AT_ONCE = 20_000  # images in one transaction while rows are made
EMBEDDING_BYTES = 2_100_000
MODEL = "a" * 64

IMAGES = """
INSERT INTO images (project_id, file_name, sort_name, width, height, sha256, bytes, format, display_type, created,
  revision, counted_revision, annotation_count, state, state_user_id, author_id)
SELECT :project, 'folder' || n / 1000 || '/' || n || '.jpg', 'folder' || lpad((n / 1000)::text, 9, '0') || '/' ||
  lpad(n::text, 12, '0'), 1500, 2250, md5('a' || :project || ' ' || n) || md5('b' || n), 1400000, 'JPEG', 'image/jpeg',
  now(), :masks, :masks, :masks, CASE WHEN n % 3 = 0 THEN 'approved' WHEN n % 3 = 1 THEN 'submitted' ELSE 'waiting' END,
  1 + n % :people, 1 + n % :people
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
ANNOTATIONS = """
INSERT INTO annotations (uid, image_id, category_id, counts, area, bbox_x, bbox_y, bbox_width, bbox_height, iscrowd,
  attributes, position, created, updated)
SELECT gen_random_uuid()::text, images.id, :category + (images.id + m % 3) % :categories,
  repeat(substr(images.sha256, 1 + m % 32, 19), 43), 50000, 10, 10, 300, 200, 0, '{}', m, now(), now()
FROM images, generate_series(1, :masks) AS m WHERE images.project_id = :project AND images.id > :after
"""
EMBEDDINGS = """
INSERT INTO embeddings (image_sha256, model_sha256, preprocessing_version, seconds, bytes, created, last_used,
  removal_order)
SELECT sha256, :model, 1, 0.1, :bytes, now(), now() - interval '1 day' * (id % 100 + 1),
  now() - interval '1 day' * (id % 100 + 1) FROM images WHERE project_id = :project AND id > :after
"""
ROLLUPS = """
INSERT INTO image_rollups (image_id, project_id, counted)
SELECT id, :project, jsonb_build_object(
  'effort', (SELECT jsonb_agg(jsonb_build_array(current_date - (id % 365)::int, category_id, author_id,
      CAST(:model AS text), jsonb_build_array(masks, masks, 5000 * masks, masks, 2 * masks)))
    FROM (SELECT category_id, count(*) AS masks FROM annotations WHERE image_id = images.id GROUP BY 1) AS each),
  'states', jsonb_build_array(jsonb_build_array(current_date - 365, '', 'waiting', 0, 0, 1)) || CASE
    WHEN state = 'waiting' THEN jsonb_build_array()
    ELSE jsonb_build_array(jsonb_build_array(current_date - (id % 365)::int, 'waiting', state, state_user_id,
      author_id, 1)) END,
  'folders', jsonb_build_array(jsonb_build_array(split_part(file_name, '/', 1), 1)))
FROM images WHERE project_id = :project AND id > :after
"""
SUMS = (  # of all that a project has now
    "DELETE FROM state_days WHERE project_id = :project",
    """
INSERT INTO state_days (project_id, day, before, after, user_id, author_id, images)
SELECT :project, current_date - 365, '', 'waiting', 0, 0, count(*) FROM images WHERE project_id = :project
UNION ALL SELECT :project, current_date - (id % 365)::int, 'waiting', state, state_user_id, author_id, count(*)
FROM images WHERE project_id = :project AND state <> 'waiting' GROUP BY 2, 4, 5, 6
""",
    "DELETE FROM effort_groups WHERE project_id = :project",
    """
INSERT INTO effort_groups (project_id, user_id, category_id, model_sha256, masks, timed, milliseconds, clicked, clicks)
SELECT :project, author_id, category_id, :model, count(*), count(*), 5000 * count(*), count(*), 2 * count(*)
FROM annotations JOIN images ON images.id = image_id WHERE project_id = :project GROUP BY author_id, category_id
""",
    "DELETE FROM folder_sizes WHERE project_id = :project",
    """
INSERT INTO folder_sizes (project_id, path, images)
SELECT :project, split_part(file_name, '/', 1), count(*) FROM images WHERE project_id = :project GROUP BY 2
""",
    "DELETE FROM project_sizes WHERE project_id = :project",
    """
INSERT INTO project_sizes (project_id, images, annotated, annotations, submitted, skipped, approved, returned)
SELECT :project, count(*), count(*), sum(annotation_count), count(*) FILTER (WHERE state = 'submitted'), 0,
  count(*) FILTER (WHERE state = 'approved'), 0 FROM images WHERE project_id = :project
""",
)


@dataclass(frozen=True)
class Scale:
    """An installation of made-up rows that grows.

    Attributes:
        database: on PostgreSQL, with nothing in it at first.
        blobs: with nothing in them: deleting costs the look.
        masks: annotations of each image.
    """

    database: Database
    blobs: BlobStore
    masks: int

    def fill(self, project_id: int, images: int) -> None:
        """Have a project have so many images, with annotations and embeddings, counted as the server counts them."""
        with self.database.read() as session:
            there = session.scalar(select(func.count()).where(Image.project_id == project_id)) or 0
            category = session.scalar(select(func.min(Category.id)).where(Category.project_id == project_id))
            trusted = session.scalar(text("SELECT usesuper FROM pg_user WHERE usename = current_user"))
        fixed = {"project": project_id, "model": MODEL}
        for first in range(there, images, AT_ONCE):
            last = min(first + AT_ONCE, images) - 1
            with self.database.write() as session:
                if trusted:  # made-up rows name what there is: foreign keys need not be looked up
                    session.execute(text("SET LOCAL session_replication_role = replica"))
                after = session.scalar(select(func.max(Image.id)).where(Image.project_id == project_id)) or 0
                given = {"project": project_id, "after": after}
                named = {"first": first, "last": last, "masks": self.masks, "people": PEOPLE}
                session.execute(text(IMAGES), {"project": project_id, **named})
                kinds = {"category": category, "categories": CATEGORIES}
                session.execute(text(ANNOTATIONS), {**given, "masks": self.masks, **kinds})
                session.execute(text(EMBEDDINGS), {**given, "model": MODEL, "bytes": EMBEDDING_BYTES})
                session.execute(text(ROLLUPS), {**given, "model": MODEL})
        with self.database.write() as session:
            for statement in SUMS:
                session.execute(text(statement), fixed)
        count_encoded_images(self.database)
        with self.database.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as the server does by itself after so many new rows

    def questions(self, project_id: int, shard_id: int) -> dict[str, Callable[[], object]]:
        """What is asked all day, by name. Each call is one question."""
        return {
            "next": lambda: self._next(project_id),
            "gallery page, as added": lambda: self._page(project_id, "added", self._somewhere(project_id)),
            "gallery page, by name": lambda: self._page(project_id, "name", self._somewhere(project_id)),
            "gallery page, by number of objects": lambda: self._page(project_id, "objects", None),
            "place of an image, by name": lambda: self._place(project_id),
            "list of 1,000 folders": lambda: self._folders(project_id),
            "number of images that were returned": lambda: self._count(project_id),
            "page of projects": self._projects,
            f"the same, {CHANGED} images not counted yet": lambda: self._projects_beside_work(project_id),
            "is anything to be counted": self._due,
            "figures of a project": lambda: self._figures(project_id),
            f"export shard of {SHARD_IMAGES:,} images": lambda: sum(map(len, export_coco(self.database, shard_id))),
            "sweep of 5 images": self._sweep,
            "sum of what embeddings take": lambda: EmbeddingCap(self.database, self.blobs, 0).taken(),
            "removal of 5 embeddings": self._remove_embeddings,
        }

    def bytes_of(self, table: str) -> tuple[int, int]:
        """(bytes of a table with its indexes, rows)."""
        with self.database.read() as session:
            size = session.scalar(text("SELECT pg_total_relation_size(:name)"), {"name": table})
            return int(size), int(session.scalar(text(f"SELECT count(*) FROM {table}")))

    def _next(self, project_id: int) -> None:
        with self.database.write() as session:
            take_next(session, get_project(session, project_id), ensure_local_admin(session).id)

    def _somewhere(self, project_id: int) -> str:
        """Number of an image far inside: pages are read by keys, so that any costs the same."""
        with self.database.read() as session:
            first, last = session.execute(
                select(func.min(Image.id), func.max(Image.id)).where(Image.project_id == project_id)
            ).one()
        return str((first + last) // 2)

    def _page(self, project_id: int, order: ImageOrder, after: str | None) -> None:
        with self.database.read() as session:
            page_images(session, project_id, after, PAGE, Listing(order=order))

    def _place(self, project_id: int) -> None:
        """The place of an image far inside, as the annotate page shows it."""
        with self.database.read() as session:
            position_of(session, session.get_one(Image, int(self._somewhere(project_id))), Listing(order="name"))

    def _folders(self, project_id: int) -> None:
        with self.database.read() as session:
            folders_of(session, project_id, 1_000)

    def _count(self, project_id: int) -> None:
        with self.database.read() as session:
            count_images(session, project_id, Listing(state="returned"))

    def _projects(self) -> None:
        """Each with its categories, how many images it has in which state, and how many of them are encoded."""
        with self.database.read() as session:
            _read_projects(session)

    def _projects_beside_work(self, project_id: int) -> None:
        """Some images changed since they were counted, as always while people work; afterwards it is as before."""
        with self.database.write() as session:
            some = select(Image.id).where(Image.project_id == project_id).order_by(Image.id).limit(CHANGED)
            changed = update(Image).where(Image.id.in_(some)).values(counted_revision=NEVER)
            session.execute(changed.execution_options(synchronize_session=False))
            _read_projects(session)
            session.rollback()

    def _due(self) -> None:
        """As the counter asks every few seconds; nothing is."""
        with self.database.read() as session:
            is_due(session)

    def _figures(self, project_id: int) -> None:
        """What the page *Figures* asks: progress, when it ends, work by category and person, what reviews said."""
        with self.database.read() as session:
            statistics.forecast(statistics.progress(session, project_id), utc_now().date())
            for by in ("category", "person"):
                statistics.effort(session, project_id, by)
            statistics.reviews(session, project_id)

    def _sweep(self) -> None:
        """Five images that no row names any more, due now."""
        now = utc_now()
        with self.database.write() as session:
            unreference(session, [f"{time.time_ns() + each:064x}" for each in range(5)], now - 2 * GRACE)
        sweep(self.database, self.blobs, "bench", now)

    def _remove_embeddings(self) -> None:
        """The cap is five embeddings below what there is."""
        with self.database.read() as session:
            taken = int(session.scalar(select(func.sum(Embedding.bytes))) or 0)
        EmbeddingCap(self.database, self.blobs, taken - 5 * EMBEDDING_BYTES).enforce(utc_now() + timedelta(minutes=1))


def _read_projects(session: Session) -> None:
    key = EmbeddingKey.of(MODEL)
    projects = {project.id: key for project in list_projects(session)}
    count_projects(session, projects)
    categories_of(session, list(projects))
    count_annotations(session, list(projects))


def run(url: str, images: int, annotations: int, rounds: int = ROUNDS, before: Path | None = None) -> Iterator[Result]:
    """All measurements of ``limner bench scale``.

    Args:
        url: of an empty database on PostgreSQL; the rows stay in it.
        images: of the large project, ≥ 100.
        annotations: of all of them together.
        rounds: times that each question is asked.
        before: figures that a run on this database wrote: it is asked again, and compared with them. Its schema is
            brought up to date.

    Raises:
        InvalidInput: it is no such database, or these are no such figures.
    """
    if is_sqlite_url(url):
        raise InvalidInput("limner bench scale needs PostgreSQL.", hint="Give --database postgresql://….")
    known = None if before is None else _read_figures(before)
    database = Database(url)
    try:
        started = time.perf_counter()
        migrate(database)
        progress(f"The schema is up to date after {time.perf_counter() - started:.0f} s")
        with tempfile.TemporaryDirectory() as folder:
            scale = Scale(database, BlobStore(str(Path(folder))), max(1, annotations // images))
            if known is not None:
                large, shard = _find_projects(database)
                yield from _ask_again(scale, large, shard, rounds, known)
                return
            large, shard = _make_projects(database)
            scale.fill(shard, SHARD_IMAGES)
            yield from _compare(scale, large, shard, images, rounds)
    finally:
        database.close()


def _make_projects(database: Database) -> tuple[int, int]:
    with database.write() as session:
        if session.scalar(select(Project.id).limit(1)) is not None:
            raise InvalidInput(
                "There are projects in this database.",
                hint="Name an empty one: made-up rows would be among yours. One that this command filled: --before.",
            )
        large, shard = (create_project(session, name).id for name in NAMES)
        for project_id in (large, shard):
            for number in range(CATEGORIES):
                create_category(session, project_id, f"category {number}")
        ensure_local_admin(session)
    return large, shard


def _find_projects(database: Database) -> tuple[int, int]:
    with database.read() as session:
        projects = list_projects(session)
    if tuple(each.name for each in projects) != NAMES:
        raise InvalidInput(
            "This database was not filled by limner bench scale.", hint="Leave --before out, and name an empty one."
        )
    large, shard = projects
    return large.id, shard.id


def _read_figures(path: Path) -> dict[str, Result]:
    """The results of an earlier run, by what was asked."""
    try:
        results = [
            Result(**{**each, **{name: Milliseconds(**each[name]) for name in ("subject_ms", "reference_ms")}})
            for each in json.loads(path.read_bytes())["results"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} holds no figures of limner bench scale.", hint="Name the file that a run wrote with --json."
        ) from error
    return {each.case: each for each in results}


def _ask_again(scale: Scale, large: int, shard: int, rounds: int, known: dict[str, Result]) -> Iterator[Result]:
    for name, ask in scale.questions(large, shard).items():
        if (before := known.get(name)) is not None:
            now = summary(_times(ask, rounds))
            ratio = round(now.median / before.subject_ms.median, 4)
            yield Result(name, before.subject, "before", ratio, now, before.subject_ms)


def _compare(scale: Scale, large: int, shard: int, images: int, rounds: int) -> Iterator[Result]:
    few = max(images // SMALL, 1)
    progress(f"Making {few:,} images")
    scale.fill(large, few)
    before = {name: _times(ask, rounds) for name, ask in scale.questions(large, shard).items()}
    progress(f"Making {images:,} images with {scale.masks} annotations each")
    started = time.perf_counter()
    scale.fill(large, images)
    seconds = time.perf_counter() - started
    progress(f"Made in {seconds:.0f} s")
    for table in ("images", "annotations", "embeddings"):
        size, rows = scale.bytes_of(table)
        progress(f"{table}: {rows:,} rows, {size:,} bytes, {size / max(rows, 1):.0f} a row with its indexes")
    for name, ask in scale.questions(large, shard).items():
        subject, reference = f"{images:,} images, {images * scale.masks:,} annotations", f"{few:,} images"
        yield result(name, (subject, _times(ask, rounds), None), (reference, before[name], None))


def _times(ask: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each of so many questions, after one to warm up."""
    ask()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return times
