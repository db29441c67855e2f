"""``limner everything``: its documents, that it goes on where it stopped, and that others can read what it writes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from limner.cli import cli
from limner.errors import InvalidInput, LimnerError
from limner.segment.automatic import AutomaticMaskGenerator
from limner.train.photos import find_photos
from limner.vocabulary import rle

OPTIONS = ("--points-per-side", "4", "--threads", "1", "--device", "cpu")


def draw(path: Path, x: int) -> Path:
    """A blue disc on sand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (120, 90), (220, 200, 160))
    ImageDraw.Draw(image).ellipse((x, 20, x + 50, 70), fill=(20, 40, 150))
    image.save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    draw(tmp_path / "photos" / "a.png", 35)
    draw(tmp_path / "photos" / "deep" / "b.png", 50)
    return tmp_path / "photos"


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Heights of the images for which masks were looked for."""
    heights: list[int] = []
    original = AutomaticMaskGenerator.generate

    def counted(self, image, on_progress=None):  # type: ignore[no-untyped-def]
        heights.append(image.shape[0])
        return original(self, image, on_progress)

    monkeypatch.setattr(AutomaticMaskGenerator, "generate", counted)
    return heights


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["everything", *map(str, arguments), *OPTIONS])
    if isinstance(result.exception, LimnerError):
        raise result.exception
    return result


def test_a_folder_becomes_a_coco_file(photos: Path, tmp_path: Path) -> None:
    out, overlay = tmp_path / "coco.json", tmp_path / "overlay"
    result = run(photos, "--out", out, "--overlay", overlay)
    assert result.exit_code == 0, result.output

    coco = COCO(str(out))
    assert sorted(image["file_name"] for image in coco.dataset["images"]) == ["a.png", "deep/b.png"]
    first = next(image["id"] for image in coco.dataset["images"] if image["file_name"] == "a.png")
    masks = coco.loadAnns(coco.getAnnIds(imgIds=[first]))
    assert any(coco.annToMask(annotation)[45, 60] for annotation in masks)
    for annotation in masks:
        assert annotation["area"] == coco.annToMask(annotation).sum()
        assert annotation["provenance"]["prompts"]["points"]
    drawn = np.asarray(Image.open(overlay / "a.png.png"))
    assert drawn.shape == (90, 120, 3)
    assert (drawn != np.asarray(Image.open(photos / "a.png"))).any()


def test_it_goes_on_where_it_stopped(photos: Path, tmp_path: Path, generated: list[int]) -> None:
    out = tmp_path / "coco.json"
    run(photos, "--out", out)
    assert len(generated) == 2
    before = out.read_bytes()

    assert "2 done already" in run(photos, "--out", out).output
    assert len(generated) == 2
    assert out.read_bytes() == before

    draw(photos / "a.png", 20)  # another image
    assert "1 done already" in run(photos, "--out", out).output
    (out.with_name("coco.json.images") / "a.json").write_text("{")  # damaged
    assert "1 done already" in run(photos, "--out", out).output
    assert "0 done already" in run(photos, "--out", out, "--stability", "0.4").output


def test_ctrl_c_keeps_what_is_done(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "coco.json"
    original = AutomaticMaskGenerator.generate
    calls = []

    def interrupted(self, image, on_progress=None):  # type: ignore[no-untyped-def]
        calls.append(image)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, image, on_progress)

    monkeypatch.setattr(AutomaticMaskGenerator, "generate", interrupted)
    result = run(photos, "--out", out)
    assert result.exit_code == 130
    assert "Stopped after 1 of 2 images" in result.output
    assert not out.exists()
    assert "1 done already" in run(photos, "--out", out).output
    assert len(json.loads(out.read_bytes())["images"]) == 2


def test_sa1b_documents_can_be_evaluated_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    assert run(photos / "a.png", "--format", "sa1b", "--out", out).exit_code == 0
    (out / "a.png").write_bytes((photos / "a.png").read_bytes())
    (photo,) = find_photos([out])
    assert photo.size == (90, 120)
    document = json.loads((out / "a.json").read_bytes())
    for annotation in document["annotations"]:
        mask = rle.validate(annotation["segmentation"], (90, 120))
        assert (annotation["area"], annotation["bbox"]) == (rle.area(mask), rle.bbox(mask))
        assert {"predicted_iou", "stability_score", "crop_box", "point_coords"} <= annotation.keys()


def test_images_that_cannot_be_read_are_named(photos: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.open(photos / "a.png").save(buffer, "JPEG")
    (photos / "cut.jpg").write_bytes(buffer.getvalue()[:300])
    result = run(photos, "--out", tmp_path / "coco.json")
    assert result.exit_code == 1
    assert "cut.jpg" in result.output
    assert len(json.loads((tmp_path / "coco.json").read_bytes())["images"]) == 2


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no images"):
        run(tmp_path, "--out", tmp_path / "coco.json")
