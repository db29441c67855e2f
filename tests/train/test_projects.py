"""A Limner project as a source of photos, from a real home."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import update

from limner.cli.project import project as command
from limner.config import Settings
from limner.errors import InvalidFile, NotFound
from limner.store import Database
from limner.store.tables import Annotation, Image
from limner.train.config import Photos, Project
from limner.train.photos import find_photos, is_held_out
from limner.train.projects import with_projects
from tests.train.helpers import tiny_config, two_squares, write_photo


def limner(home: Path, *arguments: str) -> None:
    result = CliRunner().invoke(command, [*arguments, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two images with two masks each, one without any, in the project "squares"; "bare" has an image alone."""
    for number in range(2):
        write_photo(tmp_path / "files", f"p{number}", shade=number)
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((20, 30, 3), 7, np.uint8))
    home = tmp_path / "home"
    for name in ("squares", "bare"):
        limner(home, "create", name)
        limner(home, "import", name, str(tmp_path / "plain.png"))
    limner(home, "import", "squares", str(tmp_path / "files"))
    return home


def test_it_becomes_one_more_folder_of_photos(home: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config(tmp_path / "run"), projects=(Project(home, "squares"),))
    resolved = with_projects(config)
    assert resolved.photos is not None
    photos = find_photos(resolved.photos.folders)
    assert [photo.source for photo in photos] == ["squares", "squares"]
    image, masks = two_squares()
    for photo in photos:
        assert np.array_equal(photo.image()[4:], image[4:])
        assert {mask.sum() for mask in photo.masks()} == {mask.sum() for mask in masks}
    uploaded = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "files").glob("*.png")}
    assert {photo.image_path.stem for photo in photos} == uploaded
    assert all(photo.held_out == is_held_out(photo.image_path.stem) for photo in photos)


def test_a_resumed_run_sees_the_same_data(home: Path, tmp_path: Path) -> None:
    folder = Photos(share=0.5, folders=(tmp_path / "files",))
    config = dataclasses.replace(tiny_config(tmp_path / "run"), photos=folder, projects=(Project(home, "squares"),))
    first = with_projects(config)
    limner(home, "import", "squares", str(write_photo(tmp_path / "more", "later", shade=9).parent))
    assert with_projects(config) == first
    assert first.photos is not None
    assert first.photos.share == 0.5
    assert len(find_photos(first.photos.folders)) == 4


def test_what_cannot_be_learned_from_is_named(home: Path, tmp_path: Path) -> None:
    config = tiny_config(tmp_path / "run")
    for project, kind, message in (
        (Project(home, "nothing"), NotFound, "no project 'nothing'"),
        (Project(home, "bare"), InvalidFile, "'bare' has no masks"),
        (Project(tmp_path / "elsewhere", "squares"), NotFound, "There are no projects in"),
    ):
        with pytest.raises(kind, match=message):
            with_projects(dataclasses.replace(config, projects=(project,)))


def test_skipped_images_are_left_out(home: Path, tmp_path: Path) -> None:
    database = Database(Settings(home=home).resolved_database_url)
    with database.write() as session:
        session.execute(update(Image).where(Image.file_name == "p0.png").values(state="skipped"))
    database.close()
    config = dataclasses.replace(tiny_config(tmp_path / "run"), projects=(Project(home, "squares"),))
    resolved = with_projects(config)
    assert resolved.photos is not None
    (photo,) = find_photos(resolved.photos.folders)
    assert photo.image_path.stem == hashlib.sha256((tmp_path / "files" / "p1.png").read_bytes()).hexdigest()


def test_a_mask_larger_than_its_image_is_named(home: Path, tmp_path: Path) -> None:
    database = Database(Settings(home=home).resolved_database_url)
    with database.write() as session:
        counts = "0" + "1" * 40  # far more runs than 48 rows and 64 columns hold, or none that fit
        session.execute(update(Annotation).where(Annotation.id == 1).values(counts=counts))
    database.close()
    config = dataclasses.replace(tiny_config(tmp_path / "run"), projects=(Project(home, "squares"),))
    with pytest.raises(InvalidFile, match="a mask does not fit p"):
        with_projects(config)
