"""``limner project``: create, import, list, export, on a home of its own."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from limner.cli import cli
from limner.cli.home import open_home
from limner.errors import InvalidFile, InvalidInput, NotFound
from limner.service import trash
from limner.store.exhaustivity import say
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
    assert "1 image added, 0 there already, 2 refused" in result.output


def test_a_file_that_is_not_there_is_named(home: Path) -> None:
    run("create", "Cats")
    result = run("import", "Cats", "absent.png")
    assert result.exit_code == 2
    assert "absent.png" in result.output


def test_entries_of_a_coco_file_that_cannot_be_used_are_listed_and_a_broken_file_adds_nothing(
    home: Path, tmp_path: Path
) -> None:
    run("create", "Cats")
    (tmp_path / "bad.json").write_text('{"categories": [{"id": 1, "name": "new"}], "annotations": [{"image_id": 1}]}')
    result = run("import", "Cats", tmp_path / "bad.json")
    assert "left out annotation 0: it is of image 1, and the file lists no image of this id" in result.output
    (tmp_path / "cut.json").write_text('{"categories": [{"id": 1, "name": "never"}], "annotations": [{')
    with pytest.raises(InvalidFile, match="not valid JSON"):
        run("import", "Cats", tmp_path / "cut.json")
    run("export", "Cats", "--out", tmp_path / "out.json")
    assert [c["name"] for c in json.loads((tmp_path / "out.json").read_bytes())["categories"]] == ["new"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no such names")
def test_a_name_that_is_no_unicode_is_refused_readably_and_the_others_go_in(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    photos = tmp_path / "photos"
    good = write_image(photos / "good.png", 1)
    write_image(photos / "other.png", 2).rename(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png"))
    (photos / os.fsdecode(b"f\xf6lder")).mkdir()
    good.rename(photos / os.fsdecode(b"f\xf6lder") / "deep.png")
    write_image(photos / "z.png", 3)
    for given in ([photos], [photos, *sorted(photos.glob("caf*"))]):
        result = run("import", "Cats", *given)
        assert result.exit_code == 1
        assert "caf\\xe9.png: The file name 'caf\\xe9.png' is not valid UTF-8. Rename the file" in result.output
        assert "f\\xf6lder/deep.png: " in result.output
    assert run("list").output == "1\t1 image\t0 annotations\tCats\n"


def test_in_folders_content_decides_and_what_is_not_accepted_is_named(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    photos, buffer = tmp_path / "photos", io.BytesIO()
    picture = Image.open(write_image(photos / "a.png", 1))
    picture.save(buffer, "JPEG")
    (photos / "without suffix").write_bytes(buffer.getvalue())
    picture.rotate(90).save(buffer := io.BytesIO(), "JPEG")
    (photos / "b.jfif").write_bytes(buffer.getvalue())
    picture.rotate(180).save(buffer := io.BytesIO(), "PNG")
    (photos / "png.txt").write_bytes(buffer.getvalue())
    (photos / "c.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 100)
    picture.save(photos / "d.gif")
    (photos / "f").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100)
    (photos / "e.dng").write_bytes(b"nothing that is known")
    (photos / "notes.txt").write_text("no picture")
    (photos / "archive.zip").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    (photos / "g.png").symlink_to(photos / "gone.png")
    result = run("import", "Cats", photos)
    assert result.exit_code == 1
    assert "4 images added, 0 there already, 5 refused" in result.output
    for complaint in (
        "c.heic: The file is a HEIC",
        "d.gif: The file is a GIF",
        "f: The file is a JPEG 2000",
        "e.dng: ",
        "g.png: The link leads nowhere",
    ):
        assert complaint in result.output
    assert "notes.txt" not in result.output
    assert "archive.zip" not in result.output


def test_pages_that_are_left_out_and_names_that_are_taken_are_said(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    pages = [Image.new("L", (8, 8), value) for value in range(7)]
    (tmp_path / "a").mkdir()
    pages[0].save(tmp_path / "a" / "x.tif", save_all=True, append_images=pages[1:])
    write_image(tmp_path / "b" / "x.tif", 1)
    result = run("import", "Cats", tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 0
    assert "a/x.tif: Page 1 of 7 was taken" in result.output
    assert "b/x.tif: The project has another image called x.tif: this one is called x-2.tif." in result.output


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
    run("create", "cafe\u0301\tau lait")
    run("export", "caf\u00e9 au lait", "--out", tmp_path / "cafe.json")
    assert json.loads((tmp_path / "cafe.json").read_text())["info"]["description"] == "caf\u00e9 au lait"
    with pytest.raises(InvalidInput, match="project name"):
        run("create", "\x07")


def test_other_formats_in_a_folder_or_an_archive_and_sa1b_back(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    run("import", "Cats", write_image(tmp_path / "a.png", 1), write_coco(tmp_path / "coco.json", "a.png"))
    assert "3 files" in run("export", "Cats", "--format", "yolo", "--out", tmp_path / "yolo").output
    assert (tmp_path / "yolo" / "images" / "a.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert (tmp_path / "yolo" / "labels" / "a.txt").read_text().startswith("0 ")
    run("export", "Cats", "--format", "panoptic", "--out", tmp_path / "panoptic.zip")
    with zipfile.ZipFile(tmp_path / "panoptic.zip") as archive:
        assert archive.namelist() == ["panoptic/a.png", "panoptic.json"]
    run("export", "Cats", "--format", "sa1b", "--out", tmp_path / "sa1b")

    run("create", "Again")
    result = run("import", "Again", tmp_path / "a.png", tmp_path / "sa1b")
    assert "1 SA-1B document: 1 annotation on 1 image, 1 category" in result.output


def test_annotations_of_other_tools_come_with_their_folder_as_they_are_or_as_a_preview(
    home: Path, tmp_path: Path
) -> None:
    run("create", "Cats")
    folder = tmp_path / "set"
    write_image(folder / "images" / "train" / "a.png", 1)
    (folder / "labels" / "train").mkdir(parents=True)
    (folder / "labels" / "train" / "a.txt").write_text("0 .1 .1 .5 .1 .5 .5\n0 .5 .5 .2 .2\n0 1\n")
    (folder / "data.yaml").write_text("names: [cat]\n")

    result = run("import", "Cats", folder, "--preview")
    assert f"{folder} (yolo): would add 0 annotations on 0 images, 1 category; 0 images not" in result.output
    assert "left out document labels/train/a.txt: The project has no image of this name." in result.output
    assert run("list").output == "1\t0 images\t0 annotations\tCats\n"

    result = run("import", "Cats", folder)
    assert "1 image added" in result.output
    assert f"{folder} (yolo): 1 annotation on 1 image, 1 category" in result.output
    assert "left out box line 2 of labels/train/a.txt: it is a box without a mask" in result.output
    assert "left out annotation line 3 of labels/train/a.txt: It has 2 numbers." in result.output

    result = run("import", "Cats", folder, "--boxes", "rectangle", "--preview")
    assert "would add 1 annotation on 1 image, 0 categories" in result.output
    assert "  cat: 1\n" in result.output
    assert "1 annotation on 1 image" in run("import", "Cats", folder, "--boxes", "rectangle").output
    assert run("list").output == "1\t1 image\t2 annotations\tCats\n"


def test_png_masks_are_no_images_when_a_format_is_named_and_limners_own_are_known(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    folder = tmp_path / "set"
    write_image(folder / "images" / "a.png", 1)
    mask = np.zeros((20, 30), np.uint8)
    mask[3:9, 4:20] = 255
    (folder / "masks").mkdir()
    Image.fromarray(mask).save(folder / "masks" / "a.png")
    result = run("import", "Cats", folder, "--format", "masks")
    assert "1 image added" in result.output
    assert "(masks): 1 annotation on 1 image" in result.output
    run("export", "Cats", "--format", "png", "--images", "--out", tmp_path / "out")
    run("create", "Again")
    result = run("import", "Again", tmp_path / "out")
    assert "1 image added" in result.output
    assert "(masks): 1 annotation on 1 image, 1 category" in result.output


def test_a_folder_with_annotations_of_several_formats_asks_which(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    write_coco(tmp_path / "set.json", "a.png")
    (tmp_path / "a.json").write_text('{"shapes": [], "imagePath": "a.png", "imageHeight": 20, "imageWidth": 30}')
    with pytest.raises(InvalidFile, match="several formats: coco and labelme"):
        run("import", "Cats", tmp_path)
    result = run("import", "Cats", write_image(tmp_path / "a.png", 1), tmp_path / "set.json", tmp_path / "a.json")
    assert "set.json: 1 annotation on 1 image" in result.output
    assert "1 labelme file: 0 annotations" in result.output
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "set.json", "set.json")
    assert "set.zip: 0 annotations" in run("import", "Cats", tmp_path / "set.zip").output


def test_an_export_says_before_what_it_leaves_out(home: Path, tmp_path: Path) -> None:
    run("create", "Cats", "--category", "cat")
    for seed in range(4):
        write_image(tmp_path / "photos" / ("deep" if seed == 3 else "") / f"{seed}.png", seed)
    run("import", "Cats", tmp_path / "photos", write_coco(tmp_path / "coco.json", "0.png", "deep/3.png"))

    result = run("export", "Cats", "--format", "yolo", "--tolerance", "1.5", "--out", tmp_path / "yolo")
    assert "2 images with 2 annotations\nleft out: 2 images (2 waiting) with 0 annotations\n" in result.output
    assert "polygons within 1.5 px: IoU 1.0000 on average, 1.0000 at worst, 8 corners instead of 8" in result.output
    labels = {path.name for path in (tmp_path / "yolo" / "labels").rglob("*.txt")}
    assert labels == {"0.txt", "3.txt"}

    def images(*options: str) -> list[str]:
        run("export", "Cats", *options, "--out", tmp_path / "out.json")
        return [image["file_name"] for image in json.loads((tmp_path / "out.json").read_bytes())["images"]]

    assert images("--which", "all") == ["0.png", "1.png", "2.png", "deep/3.png"]
    assert images("--which", "all", "--folder", "deep") == ["deep/3.png"]
    assert images("--which", "all", "--search", "1") == ["1.png"]
    assert images("--which", "finished") == []
    with pytest.raises(InvalidInput, match="tolerance is for polygons"):
        run("export", "Cats", "--tolerance", "1", "--out", tmp_path / "out.json")


def test_an_export_may_be_of_one_category_and_of_what_people_say_of_it(home: Path, tmp_path: Path) -> None:
    run("create", "Cats", "--category", "cat", "--category", "Dog")
    for seed in range(3):
        write_image(tmp_path / "photos" / f"{seed}.png", seed)
    run("import", "Cats", tmp_path / "photos", write_coco(tmp_path / "coco.json", "0.png", "1.png"))
    with open_home(None) as (services, _), services.database.write() as session:
        say(session, 1, 1, None, exhaustive=True)
        say(session, 3, 1, None, exhaustive=True)
        say(session, 2, 1, None, exhaustive=False)

    def images(*options: str) -> list[str]:
        run("export", "Cats", "--which", "all", *options, "--out", tmp_path / "out.json")
        return [image["file_name"] for image in json.loads((tmp_path / "out.json").read_bytes())["images"]]

    assert images("--category", "CAT") == ["0.png", "1.png"]
    assert images("--category", "Dog") == []
    assert images("--category", "cat", "--exhaustive", "yes") == ["0.png", "2.png"]
    assert images("--category", "cat", "--exhaustive", "no") == ["1.png"]
    assert images("--category", "dog", "--exhaustive", "unknown") == ["0.png", "1.png", "2.png"]
    with pytest.raises(NotFound, match=r"no category 'bird'. There are: 'cat', 'Dog'\."):
        images("--category", "bird")
    with pytest.raises(InvalidInput, match="Name it with --category"):
        images("--exhaustive", "yes")


def test_the_trash_is_listed_restored_and_emptied(home: Path, tmp_path: Path) -> None:
    run("create", "Cats")
    for seed, name in enumerate(("a.png", "b.png")):
        run("import", "Cats", write_image(tmp_path / name, seed))
    with open_home(None) as (services, actor):
        for image_id in (1, 2):
            trash.delete(services, actor, image_id)
    assert run("list").output == "1\t0 images\t0 annotations\tCats\n"
    listed = run("trash", "Cats").output.splitlines()
    assert [line.split("\t")[0] + line.split("\t")[3] for line in listed] == ["2b.png", "1a.png"]
    assert run("trash", "Cats", "--restore", 1).output == "1 image restored.\n"
    again = run("trash", "Cats", "--restore", 1)
    assert (again.exit_code, again.stdout) == (1, "0 images restored.\n")
    assert "Not restored: 1: The image is not in the project's trash." in again.stderr
    assert run("trash", "Cats", "--empty").output == "1 image deleted.\n"
    assert run("trash", "Cats").output == ""
    assert run("list").output == "1\t1 image\t0 annotations\tCats\n"
    with pytest.raises(InvalidInput, match="Several of"):
        run("trash", "Cats", "--empty", "--restore-all")
