"""People who save and upload while a backup is made, and what tells whether it holds what they did."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text

from limner.blobs import BlobStore
from limner.config import Settings
from limner.maintenance.check import check
from limner.store import Database
from tests.api.conftest import HEIGHT, WIDTH, creation
from tests.api.running import PATIENCE
from tests.conftest import png_bytes

EDITS = "SELECT image_id, revision, operation_id, body_sha256, payload FROM edits ORDER BY image_id, revision"
MASKS = "SELECT uid, image_id, counts, area, category_id FROM annotations ORDER BY uid"


def run(command: Any, *arguments: object) -> tuple[int, str]:
    """Exit status and output; our own errors come through, as they do to ``limner.cli.main``."""
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "limner.db")) as connection:
        return connection.execute(query).fetchall()


def all_rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))
                for table in inspect(engine).get_table_names()
            }
    finally:
        engine.dispose()


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def no_faults(home: Path) -> None:
    settings = Settings(home=home)
    database = Database(settings.resolved_database_url)
    try:
        blobs = BlobStore(settings.resolved_blob_url)
        assert list(check(database, blobs, thorough=True, max_pixels=settings.max_pixels)) == []
    finally:
        database.close()


class Load:
    """People who save and upload for as long as it goes on; what was acknowledged is noted."""

    def __init__(self, client: httpx.Client, savers: int) -> None:
        self.client = client
        self.project = client.post("/api/v1/projects", json={"name": "Cats"}).json()["id"]
        self.saved: list[str] = []
        self.uploaded: list[str] = []
        self.stopping = threading.Event()
        self._images = [self._upload(seed) for seed in range(savers)]
        work = [(self._save, image) for image in self._images] + [(self._upload_on, savers)]
        self._threads = [threading.Thread(target=target, args=(argument,)) for target, argument in work]
        for thread in self._threads:
            thread.start()

    def more(self, saves: int) -> None:
        """Wait until this many more saves were acknowledged."""
        wanted, pause = len(self.saved) + saves, threading.Event()
        for _ in range(int(PATIENCE / 0.02)):
            if len(self.saved) >= wanted:
                return
            assert any(thread.is_alive() for thread in self._threads), "all savers have stopped"
            pause.wait(0.02)
        raise AssertionError("the savers did not come so far")

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _upload(self, seed: int) -> int:
        files = {"files": (f"{seed}.png", io.BytesIO(png_bytes(HEIGHT, WIDTH, seed)), "image/png")}
        image = self.client.post(f"/api/v1/projects/{self.project}/images", files=files).json()["results"][0]["image"]
        self.uploaded.append(image["sha256"])
        return int(image["id"])

    def _upload_on(self, seed: int) -> None:
        while not self.stopping.is_set():
            self._upload(seed)
            seed += 1

    def _save(self, image: int) -> None:
        revision = 0
        while not self.stopping.is_set():
            body = creation()
            headers = {"If-Match": f'"{revision}"'}
            answer = self.client.post(f"/api/v1/images/{image}/operations", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            revision = answer.json()["revision"]
            self.saved.append(body["operation"]["uid"])
