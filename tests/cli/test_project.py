"""``limner project``: create, import, list, export, on a home of its own."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from limner.cli import cli
from limner.errors import InvalidFile, InvalidInput, NotFound
from limner.vocabulary import rle


def write_image(path: Path, seed: int, size: tuple[int, int] = (30, 20)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_coco(path: Path, *names: str) -> Path:
    mask = np.zeros((20, 30), np.bool_)
    mask[3:9, 4:20] = True
    images = [{"id": index, "file_name": name, "height": 20, "width": 30} for index, name in enumerate(names)]
    annotations = [
        {"id": index, "image_id": index, "category_id": 1, "segmentation": dict(rle.encode(mask)), "iscrowd": 0}
        for index in range(len(names))
    ]
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: object) -> Result:
    """Run a command; our own errors come through, as they do to ``limner.cli.main``."""
    result = CliRunner().invoke(cli, ["project", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_nothing_to_a_coco_file_and_back(home: Path, tmp_path: Path) -> None:
    assert run("create", "Cats", "--category", "cat").output == "1\n"
    photos = tmp_path / "photos"
    write_image(photos / "a.png", 1)
    write_image(photos / "deep" / "b.JPG", 2)
    (photos / "notes.txt").write_text("not an image")
    write_image(photos / ".hidden" / "c.png", 3)
    coco = write_coco(tmp_path / "coco.json", "a.png", "deep/b.JPG", "elsewhere.png")

    result = run("import", "Cats", photos, coco)

    assert result.exit_code == 0
    assert "2 images added, 0 there already, 0 refused" in result.output
    assert "coco.json: 2 annotations on 2 images, 0 categories" in result.output
    assert "left out image elsewhere.png: the project has no image of this name" in result.output
    assert run("list").output == "1\t2 images\t2 annotations\tCats\n"

    out = tmp_path / "out.json"
    assert str(out) in run("export", "Cats", "--out", out).output
    exported = json.loads(out.read_bytes())
    assert [image["file_name"] for image in exported["images"]] == ["a.png", "deep/b.JPG"]
    assert len(exported["annotations"]) == 2

    before = out.read_bytes()
    again = run("import", "1", photos, out)
    assert "0 images added, 2 there already" in again.output
    assert "0 annotations" in again.output
    run("export", "1", "--out", out)
    assert out.read_bytes() == before


def test_polygons_on_request(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    run("import", "Cats", write_image(tmp_path / "a.png", 1), write_coco(tmp_path / "coco.json", "a.png"))
    run("export", "Cats", "--out", tmp_path / "out.json", "--segmentation", "polygon")
    (annotation,) = json.loads((tmp_path / "out.json").read_bytes())["annotations"]
    assert annotation["segmentation"] == [[4, 3, 20, 3, 20, 9, 4, 9]]


def test_refused_files_are_named_and_the_others_are_added(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    good, buffer = write_image(tmp_path / "good.png", 1), io.BytesIO()
    Image.open(good).save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:300])
    (tmp_path / "empty.png").touch()
    result = run("import", "Cats", tmp_path / "cut.jpg", tmp_path / "empty.png", good)
    assert result.exit_code == 1
    assert "cut.jpg: The JPEG file cannot be decoded" in result.output
    assert "empty.png: The file is empty." in result.output
    assert "1 images added, 0 there already, 2 refused" in result.output


def test_a_file_that_is_not_there_is_named(home: Path) -> None:
    run("create", "Cats")
    result = run("import", "Cats", "absent.png")
    assert result.exit_code == 2
    assert "absent.png" in result.output


def test_an_invalid_coco_file_adds_nothing(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    (tmp_path / "bad.json").write_text('{"categories": [{"id": 1, "name": "new"}], "annotations": [{"image_id": 1}]}')
    with pytest.raises(InvalidFile, match="Annotation 0 is of image 1"):
        run("import", "Cats", tmp_path / "bad.json")
    run("export", "Cats", "--out", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_bytes())["categories"] == []


def test_projects_are_found_by_name_or_id(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="limner project create"):
        run("export", "Cats", "--out", tmp_path / "out.json")
    run("create", "Cats")
    run("create", "Dogs")
    run("create", "Dogs")
    with pytest.raises(NotFound, match="1 'Cats', 2 'Dogs'"):
        run("export", "Birds", "--out", tmp_path / "out.json")
    with pytest.raises(InvalidInput, match="Use an id: 2, 3"):
        run("export", "Dogs", "--out", tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
    assert not list(tmp_path.glob(".*.partial"))


def test_other_formats_in_a_folder_or_an_archive_and_sa1b_back(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    run("import", "Cats", write_image(tmp_path / "a.png", 1), write_coco(tmp_path / "coco.json", "a.png"))
    assert "2 files" in run("export", "Cats", "--format", "yolo", "--out", tmp_path / "yolo").output
    assert (tmp_path / "yolo" / "labels" / "a.txt").read_text().startswith("0 ")
    run("export", "Cats", "--format", "panoptic", "--out", tmp_path / "panoptic.zip")
    with zipfile.ZipFile(tmp_path / "panoptic.zip") as archive:
        assert archive.namelist() == ["panoptic/a.png", "panoptic.json"]
    run("export", "Cats", "--format", "sa1b", "--out", tmp_path / "sa1b")

    run("create", "Again")
    result = run("import", "Again", tmp_path / "a.png", tmp_path / "sa1b")
    assert "1 SA-1B documents: 1 annotations on 1 images, 1 categories" in result.output
