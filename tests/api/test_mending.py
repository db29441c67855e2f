"""Blobs that a power loss damaged or took away: not served, found, and mended by the next upload."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import event

from limner.blobs import display_key, embedding_key, image_key, thumbnail_key
from limner.cli.check import check
from limner.config import Settings
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.wiring import Services
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from tests.api.conftest import HEIGHT, WIDTH, Upload
from tests.conftest import TEST_MODEL_SHA256, embedding_bytes, png_bytes

KEYS = [image_key, display_key, thumbnail_key]
DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: os.truncate(path, 0),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "cut": lambda path: os.truncate(path, path.stat().st_size - 70),
    "gone": Path.unlink,
}


def file_of(settings: Settings, key: str) -> Path:
    return settings.home / "blobs" / key


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("key_of", KEYS)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same project", "another project"])
def test_the_next_upload_mends(
    upload: Upload, script: FlaskClient, settings: Settings, damage: str, key_of: Any, elsewhere: bool
) -> None:
    data = png_bytes(HEIGHT, WIDTH)
    image = upload(data)["image"]
    file = file_of(settings, key_of(image["sha256"]))
    whole = file.read_bytes()
    DAMAGE[damage](file)
    project = script.post("/api/v1/projects", json={"name": "Other"}).json["id"] if elsewhere else None
    again = upload(data, project_id=project)
    assert again["status"] == ("created" if elsewhere else "duplicate")
    assert file.read_bytes() == whole


def test_what_is_empty_is_not_served(script: FlaskClient, settings: Settings, image: dict[str, Any]) -> None:
    for path, key in (("file", display_key), ("thumbnail", thumbnail_key)):
        os.truncate(file_of(settings, key(image["sha256"])), 0)
        answer = script.get(f"/api/v1/images/{image['id']}/{path}")
        assert answer.status_code == 404
        assert "immutable" not in answer.headers["Cache-Control"]
        assert "again restores" in answer.json["error"]["hint"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_embedding_counts_as_absent(
    script: FlaskClient, services: Services, settings: Settings, image: dict[str, Any], damage: str
) -> None:
    key = embedding_key(image["sha256"], TEST_MODEL_SHA256, PREPROCESSING_VERSION)
    services.blobs.put(key, embedding_bytes(image["sha256"]))
    assert script.get(f"/api/v1/images/{image['id']}/embedding").status_code == 200
    DAMAGE[damage](file_of(settings, key))
    assert script.get(f"/api/v1/images/{image['id']}/embedding").status_code == 202
    assert services.blobs.put(key, embedding_bytes(image["sha256"]), replace=damage == "zeroed")
    assert script.get(f"/api/v1/images/{image['id']}/embedding").status_code == 200


def test_every_blob_of_an_image_is_on_the_disk_with_its_name_before_the_row_that_names_it(
    upload: Upload, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power loss leaves an image whose file is empty, or not there."""
    log: list[tuple[str, str]] = []
    fsync, link = os.fsync, os.link

    def note_fsync(descriptor: int) -> None:
        fsync(descriptor)
        log.append(("synced", os.readlink(f"/proc/self/fd/{descriptor}")))

    def note_link(source: Path, target: Path) -> None:
        link(source, target)
        log.append(("named", f"{source} {target}"))

    def note_insert(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO images"):
            log.append(("row", ""))

    event.listen(services.database.writing, "before_cursor_execute", note_insert)
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "link", note_link)
    sha256 = upload(png_bytes(HEIGHT, WIDTH))["image"]["sha256"]
    row = log.index(("row", ""))
    for key in (each(sha256) for each in KEYS):
        file = file_of(settings, key)
        (named,) = (n for n, (what, said) in enumerate(log) if what == "named" and said.endswith(f" {file}"))
        content = log.index(("synced", log[named][1].split(" ")[0]))
        name = log.index(("synced", str(file.parent)), named)
        assert content < named < name < row, key


@pytest.fixture
def run_check(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("LIMNER_MODEL", settings.model)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(check, ["--home", str(settings.home), *arguments])
        return result.exit_code, result.output

    return run


def test_limner_check_finds_and_mends(
    upload: Upload, services: Services, settings: Settings, run_check: Callable[..., tuple[int, str]]
) -> None:
    shas = [upload(png_bytes(HEIGHT, WIDTH, seed), f"{seed}.png")["image"]["sha256"] for seed in range(3)]
    embedding = embedding_key(shas[0], TEST_MODEL_SHA256, PREPROCESSING_VERSION)
    services.blobs.put(embedding, embedding_bytes(shas[0]))
    with services.database.write() as session:
        add_embeddings(session, EmbeddingKey.of(TEST_MODEL_SHA256), [MadeEmbedding(shas[0], 1.0, 1)])
    assert run_check() == (0, "3 images looked at, 0 faults left.\n")

    DAMAGE["cut"](file_of(settings, embedding))
    DAMAGE["zeroed"](file_of(settings, thumbnail_key(shas[1])))
    DAMAGE["gone"](file_of(settings, image_key(shas[2])))
    status, output = run_check()
    assert status == 1
    assert f"{embedding}: damaged; of 0.png (image 1)" in output
    assert f"{thumbnail_key(shas[1])}: damaged; of 1.png (image 2)" in output
    assert f"{image_key(shas[2])}: missing; of 2.png (image 3)" in output

    status, output = run_check("--mend")
    assert status == 1, "an original cannot be made from anything"
    assert output.count("mended") == 2
    assert "1 fault left" in output
    upload(png_bytes(HEIGHT, WIDTH, 2), "2.png")
    assert run_check("--thorough") == (0, "3 images looked at, 0 faults left.\n")


def test_limner_check_makes_nothing_where_nothing_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(check, ["--home", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "There is no database" in str(result.exception)
    assert not (tmp_path / "nowhere").exists()
