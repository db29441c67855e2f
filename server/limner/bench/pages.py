"""``limner bench pages``: what pages of a large project ask, through the API, on SQLite or PostgreSQL.

The project is of made-up rows. A page's figure is the sum of all that it asks before it is whole, one after the other;
a browser asks several at once.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import text

from limner.access import Scope
from limner.api.app import create_app
from limner.bench.harness import Result, progress, result
from limner.bench.made_up import make_project
from limner.config import Settings
from limner.errors import InvalidInput
from limner.jobs.statistics import count_changes
from limner.service import accounts
from limner.service.own_account import create_token
from limner.service.running import stop
from limner.service.wiring import open_services
from limner.store import Database
from limner.store.projects import list_projects

GOAL_MS = 1000.0
MASK_CHARACTERS = 817  # the mean of SA-1B's
ROUNDS = 5

GALLERY = ("", "/tags?", "/folders?", "/members?", "/jobs?")
FIGURES = tuple(
    f"/statistics/{each}"
    for each in (
        "progress?",
        "own?",
        "reviews?",
        "gold?",
        "effort?by=person",
        "effort?by=category",
        "effort?by=day",
        "verification?by=category",
        "agreement?",
    )
)


@dataclass(frozen=True)
class Page:
    """What a page asks: paths below the project, in which ``{category}`` is a category's number."""

    name: str
    asks: Sequence[str]


def _listed(name: str, query: str) -> Page:
    return Page(f"list: {name}", [f"/images?limit=100&counted=true&{query}"])


PAGES = (
    Page("gallery", [*(f"{each}" for each in GALLERY), "/images?limit=100&counted=true"]),
    _listed("of a category", "category={category}"),
    _listed("of a category, by name", "category={category}&order=name"),
    _listed("of a tag", "tag=tag 3"),
    _listed("of a tag, by name", "tag=tag 3&order=name"),
    _listed("of a tag and a category, to do", "tag=tag 3&category={category}&state=waiting"),
    _listed("queue of exhaustivity", "category={category}&exhaustive=unknown"),
    _listed("queue of exhaustivity, to do, by name", "category={category}&exhaustive=unknown&state=waiting&order=name"),
    _listed("all are annotated", "category={category}&exhaustive=yes"),
    _listed("not all are annotated", "category={category}&exhaustive=no"),
    _listed("words", "search=99 folder"),
    Page("an image in the middle of that queue", ["images/{image}?category={category}&exhaustive=unknown"]),
    Page("export counted, of a category", ["/export/preview?category={category}"]),
    Page("folders", ["/folders"]),
    Page("figures", ["", *FIGURES]),
    Page("figures of one person", ["/statistics/effort?by=model&person=2", "/statistics/effort?by=day&person=2"]),
    Page("verification: a sample", ["/verification?size=100&seed=1"]),
    Page("verification: a sample of a category", ["/verification?size=100&seed=1&category={category}"]),
)


def run(images: int, annotations: int, database_url: str = "", rounds: int = ROUNDS) -> Iterator[Result]:
    """All measurements of ``limner bench pages``.

    Args:
        images: of the project.
        annotations: of all of them together.
        database_url: of an empty database, which the rows stay in; empty: one of SQLite that goes afterwards.
        rounds: times that each page is asked, after one that does not count.

    Raises:
        InvalidInput: there are projects in that database.
    """
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", database_url=database_url)
        with accounts.open_accounts(settings) as database:
            project_id = _fill(database, images, max(1, annotations // images))
            token = create_token(database, accounts.local_actor(database), "bench", [Scope.ALL], None)
        services = open_services(settings)
        try:
            client = create_app(services, Path(folder)).test_client()
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
            size = f"{images:,} images, {images * max(1, annotations // images):,} annotations"
            yield from _pages(client, project_id, images // 2, size, rounds)
        finally:
            stop(services)


def _fill(database: Database, images: int, masks: int) -> int:
    with database.read() as session:
        if list_projects(session):
            raise InvalidInput(
                "There are projects in this database.", hint="Name an empty one: made-up rows would be among yours."
            )
    progress(f"Making {images:,} images with {masks} annotations each")
    project_id = make_project(database, images, masks, counts="0" * MASK_CHARACTERS, whole=True)
    progress("Counting them for the first time")
    count_changes(database)
    if not database.is_sqlite:  # as PostgreSQL does itself after a while; Limner has SQLite go without
        with database.write() as session:
            session.execute(text("ANALYZE"))
    return project_id


def _pages(client: FlaskClient, project_id: int, image_id: int, size: str, rounds: int) -> Iterator[Result]:
    categories = client.get(f"/api/v1/projects/{project_id}").get_json()["categories"]
    given = {"category": categories[3]["id"], "image": image_id}
    for page in PAGES:
        progress(page.name)
        paths = [each.format(**given) for each in page.asks]
        times = [_once(client, project_id, paths) for _ in range(rounds + 1)][1:]
        yield result(
            page.name, (f"{len(paths)} questions, {size}", times, None), (f"goal: {GOAL_MS:.0f} ms", [GOAL_MS], None)
        )


def _once(client: FlaskClient, project_id: int, paths: Sequence[str]) -> float:
    """Milliseconds until all is answered and read."""
    started = time.perf_counter()
    for path in paths:
        below = f"/{path}" if path.startswith("images/") else f"/projects/{project_id}{path}"
        answer = client.get(f"/api/v1{below}")
        if answer.status_code != 200:
            raise OSError(f"{below}: {answer.status_code} {answer.get_data(as_text=True)[:300]}")
        answer.get_data()
    return 1000 * (time.perf_counter() - started)
