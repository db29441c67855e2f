"""SA-1B, panoptic COCO, YOLO and label maps: what comes back, what is lost and how much, and safe names."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO

from limner.blobs import BlobStore, display_key
from limner.errors import InvalidInput, NotFound
from limner.formats.coco import export_coco_folder
from limner.formats.dataset import Split
from limner.formats.exports import FOLDER_FORMATS, ExportChoice, export_files
from limner.formats.files import ExportFile, FileNames, safe_path, write_folder, zip_chunks
from limner.formats.importing import import_files, of_bytes
from limner.formats.importing.sniffing import sniff
from limner.formats.yolo import classes_yaml, export_yolo
from limner.store import Database
from limner.store.annotations import NOT_SKIPPED, AnnotationState, annotations_of
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.vocabulary import rle
from limner.vocabulary.names import check_text, one_line
from limner.vocabulary.operations import MarkOperation
from tests.formats.coco_world import PROVENANCE, SIZES, World, new_world, random_mask


def sqlite(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    migrate(database)
    return database


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Overlapping, nested, broken, empty, unlabelled masks, and a crowd."""
    database = sqlite(tmp_path / "store.db")
    world = new_world(database)
    cat, dog = world.category("cat"), world.category("dog ‹é›")
    world.create("wide.png", box("wide.png", 2, 12, 3, 20), cat)
    world.create("wide.png", box("wide.png", 1, 19, 1, 29), dog)  # over the first in order, but larger
    world.create("wide.png", random_mask("wide.png", 3), dog)
    world.create("tall.png", random_mask("tall.png", 7), dog, iscrowd=1, attributes={"a": "ü"})
    world.create("tall.png", random_mask("tall.png", 8), None, provenance=PROVENANCE)
    world.create("tall.png", np.zeros(SIZES["tall.png"], np.bool_), cat)
    yield world
    database.close()


def box(file_name: str, top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros(SIZES[file_name], np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def states(world: World, file_name: str) -> list[AnnotationState]:
    with world.database.read() as session:
        return list(annotations_of(session, world.images[file_name]).annotations)


def export(world: World, form: Any) -> dict[str, bytes]:
    return {file.path: file.data for file in FOLDER_FORMATS[form](world.database, world.project_id)}


@pytest.mark.parametrize("form", FOLDER_FORMATS)
def test_the_same_project_gives_the_same_bytes(world: World, form: str) -> None:
    assert export(world, form) == export(world, form)
    with pytest.raises(NotFound):
        next(FOLDER_FORMATS[form](world.database, 99))  # type: ignore[index]


def test_sa1b_comes_back_identical(world: World, tmp_path: Path) -> None:
    files = export(world, "sa1b")
    assert sorted(files) == ["empty.json", "tall.json", "wide.json"]
    database = sqlite(tmp_path / "other.db")
    fresh = new_world(database)
    report = import_files(database, fresh.project_id, of_bytes(files.items()), form="sa1b")
    assert (report.annotations, report.images, report.categories, report.skipped) == (6, 2, 2, [])
    assert fresh.content()["annotations"] == world.content()["annotations"]
    assert fresh.uids() == world.uids()
    assert export(fresh, "sa1b") == files

    again = import_files(database, fresh.project_id, of_bytes(files.items()), form="sa1b")
    assert again.annotations == 0
    database.close()


def test_sa1b_of_others_brings_scores_as_provenance(tmp_path: Path) -> None:
    database = sqlite(tmp_path / "store.db")
    world = new_world(database)
    mask = box("wide.png", 2, 8, 3, 9)
    annotation = {"id": 5, "segmentation": dict(rle.encode(mask)), "predicted_iou": 0.9, "point_coords": [[4.5, 5.0]]}
    document = {"image": {"height": 20, "width": 30, "file_name": "wide.png"}, "annotations": [annotation]}
    import_files(database, world.project_id, of_bytes([("a.json", json.dumps(document).encode())]), form="sa1b")
    (state,) = states(world, "wide.png")
    assert state.category_id is None
    assert state.provenance is not None
    assert state.provenance["predicted_iou"] == 0.9
    assert state.provenance["prompts"]["points"] == [[4.5, 5.0, 1]]
    database.close()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"[]", "not in the form of SA-1B"),
        (b"{", "not in the form of SA-1B"),
        (b"[" * 100_000, "not in the form of SA-1B"),
        (b'{"image": {"height": "a", "width": 30, "file_name": "wide.png"}, "annotations": []}', "no number of pixels"),
        (b'{"image": {"height": 20, "width": 30, "file_name": "wide.png"}, "annotations": [{}]}', "segmentation"),
        (b'{"image": {"height": 20, "width": 30}, "annotations": []}', "does not name its image"),
        (
            b'{"image": {"height": 20, "width": 30, "file_name": "wide.png"},'
            b'"annotations": [{"segmentation": {"size": [3, 3], "counts": "9"}}]}',
            "The RLE",
        ),
    ],
)
def test_of_several_documents_the_usable_ones_go_in_and_the_others_are_listed(
    world: World, tmp_path: Path, document: bytes, message: str
) -> None:
    database = sqlite(tmp_path / "other.db")
    fresh = new_world(database)
    good = export(world, "sa1b")["wide.json"]
    report = import_files(database, fresh.project_id, of_bytes([("b.json", document), ("a.json", good)]), form="sa1b")
    assert report.annotations == len(json.loads(good)["annotations"])
    assert fresh.uids()
    assert any("b.json" in skipped.what and message in skipped.why for skipped in report.skipped)
    database.close()


def test_numbers_that_are_not_finite_cost_an_sa1b_document_no_other_mask(tmp_path: Path) -> None:
    database = sqlite(tmp_path / "store.db")
    world = new_world(database)
    masks = [{"segmentation": dict(rle.encode(box("wide.png", n, n + 4, 3, 9)))} for n in range(5)]
    huge = "1e999"  # what Python and others read as infinity
    masks[1]["attributes"] = {"weight": huge}
    masks[2]["predicted_iou"] = huge
    masks[3]["point_coords"] = [[1, huge]]
    document = {"image": {"height": 20, "width": 30, "file_name": "wide.png"}, "annotations": masks}
    text = json.dumps(document).replace(f'"{huge}"', huge)
    report = import_files(database, world.project_id, of_bytes([("a.json", text.encode())]), form="sa1b")
    assert report.annotations == 4
    assert [(each.what, each.why) for each in report.skipped] == [
        ("annotation 1 of a.json", "It has a number that is not finite.")
    ]
    assert [state.provenance for state in states(world, "wide.png")] == [None] * 4
    database.close()


def test_sa1b_and_coco_are_told_apart(world: World) -> None:
    assert sniff(of_bytes([("a.json", export(world, "sa1b")["wide.json"])])) == "sa1b"
    assert sniff(of_bytes([("a.json", world.export())])) == "coco"


def test_panoptic_shows_the_smaller_mask_and_counts_what_is_seen(world: World) -> None:
    files = export(world, "panoptic")
    content = json.loads(files["panoptic.json"])
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert sorted(names.values()) == ["cat", "dog ‹é›", "unlabelled"]
    assert {image["file_name"] for image in content["images"]} == set(SIZES)
    for annotation in content["annotations"]:
        rgb = np.asarray(Image.open(io.BytesIO(files[f"panoptic/{annotation['file_name']}"])), np.int64)
        ids = rgb[..., 0] + 256 * rgb[..., 1] + 256**2 * rgb[..., 2]
        assert set(np.unique(ids)) - {0} == {segment["id"] for segment in annotation["segments_info"]}
        for segment in annotation["segments_info"]:
            seen = rle.encode(ids == segment["id"])
            assert (segment["area"], segment["bbox"]) == (rle.area(seen), rle.bbox(seen))
        if annotation["file_name"] == "wide.png":
            order = sorted(states(world, "wide.png"), key=lambda state: -state.area)
            for below, state in enumerate(order):
                above = [rle.decode(other.segmentation) for other in order[below + 1 :]]
                visible = rle.decode(state.segmentation) & ~np.any([np.zeros_like(ids, bool), *above], axis=0)
                assert ((ids == below + 1) == visible).all()
        crowds = [segment["id"] for segment in annotation["segments_info"] if segment["iscrowd"]]
        assert crowds in ([], [1])  # below everything else


def test_label_maps_agree_with_panoptic(world: World) -> None:
    files, panoptic = export(world, "png"), export(world, "panoptic")
    labels = json.loads(files["labels.json"])
    assert labels == {"0": "background", "1": "cat", "2": "dog ‹é›", "3": "unlabelled"}
    content = json.loads(panoptic["panoptic.json"])
    names = {category["id"]: category["name"] for category in content["categories"]}
    for annotation in content["annotations"]:
        ids = np.asarray(Image.open(io.BytesIO(panoptic[f"panoptic/{annotation['file_name']}"])))[..., 0]
        picture = Image.open(io.BytesIO(files[f"classes/{annotation['file_name']}"]))
        classes = np.asarray(picture)
        assert (np.asarray(Image.open(io.BytesIO(files[f"instances/{annotation['file_name']}"]))) == ids).all()
        assert picture.mode == "P"
        assert ((classes > 0) == (ids > 0)).all()
        for segment in annotation["segments_info"]:
            assert {labels[str(n)] for n in np.unique(classes[ids == segment["id"]])} == {names[segment["category_id"]]}


def test_yolo_keeps_every_pixel_of_what_it_can_say(world: World) -> None:
    files = export(world, "yolo")
    assert files["data.yaml"].decode().endswith('names:\n  0: "cat"\n  1: "dog ‹é›"\n  2: "unlabelled"\n')
    assert files["labels/empty.txt"] == b""
    for name in ("wide.png", "tall.png"):
        height, width = SIZES[name]
        lines = files[f"labels/{name[:-4]}.txt"].decode().splitlines()
        kept = [state for state in states(world, name) if state.area and not state.iscrowd]
        assert len(lines) == len(kept)
        for line, state in zip(lines, kept, strict=True):
            _, *shares = line.split()
            corners = [float(share) * (height if index % 2 else width) for index, share in enumerate(shares)]
            assert rle.from_polygons([corners], SIZES[name]) == state.segmentation


def label_path(image_path: str) -> str:
    """Where Ultralytics looks for the labels of an image."""
    return "/labels/".join(f"/{image_path}".rsplit("/images/", 1)).rsplit(".", 1)[0][1:] + ".txt"


AWKWARD = [
    "a.jpg",
    "a.png",
    "A.PNG",
    "shot 12:30.png",
    "why?.png",
    "images/x.png",
    "labels/images/x.png",
    "dir.png/y.png",
    "dir.png",
    "without suffix",
    "dotted.v2",
    "nul.png",
    "x" * 241 + ".png",
    "x" * 251 + ".png",
    "é" * 125 + ".png",
    "é" * 125 + ".jpg",
    ".hidden.png",
    ".thumbs/of a camera.jpg",
    "." + "y" * 250 + ".png",
]


@pytest.fixture
def awkward(tmp_path: Path) -> Iterator[tuple[World, BlobStore]]:
    """Images whose names are taken, or none that every system has; the display file of each is its name."""
    database, blobs = sqlite(tmp_path / "awkward.db"), BlobStore(str(tmp_path / "blobs"))
    with database.write() as session:
        project = create_project(session, "Awkward")
        images = {}
        for index, name in enumerate(AWKWARD):
            kind = "image/jpeg" if name.endswith(("jpg", "suffix")) else "image/png"
            image, _ = add_image(session, project.id, NewImage(name, 4, 3, f"{index:064x}", 1, "PNG", kind))
            assert image.file_name == name
            images[name] = image.id
            blobs.put(display_key(image.sha256), name.encode())
    world = World(database, project.id, images)
    for name in AWKWARD:
        world.create(name, np.ones((3, 4), np.bool_))
    yield world, blobs
    database.close()


@pytest.mark.parametrize("split", [None, Split.parse("40/30/30")])
def test_yolo_gives_every_image_the_labels_that_trainers_look_for(
    awkward: tuple[World, BlobStore], tmp_path: Path, split: Split | None
) -> None:
    world, blobs = awkward
    files = list(export_yolo(world.database, world.project_id, images=blobs, split=split))
    by_path = {file.path: file.data for file in files}
    assert len({path.casefold() for path in by_path}) == len(files)
    images = {path: data.decode() for path, data in by_path.items() if path.startswith("images/")}
    assert sorted(images.values()) == sorted(AWKWARD)
    labels = {path for path in by_path if path.startswith("labels/")}
    assert {label_path(path) for path in images} == labels
    assert len(labels) == len(AWKWARD)
    for path in images:
        assert path.endswith((".jpg", ".png", ".PNG"))
        assert safe_path(path).as_posix() == path
    listed = dict(list(csv.reader(io.StringIO(by_path["names.csv"].decode())))[1:])
    for path, name in images.items():
        here = path.split("/", 2 if split else 1)[-1]
        assert listed.get(name, name) == here
    assert "a.jpg" not in listed
    assert write_folder(files, tmp_path / "out") == len(files)
    pattern = str(tmp_path / "out" / "images" / "**" / "*.*")
    paths = [Path(path) for path in glob.glob(pattern, recursive=True)]
    found = {path.relative_to(tmp_path / "out").as_posix() for path in paths if path.is_file()}
    assert found == set(images), "Ultralytics looks for images like this"


def test_yolo_counts_paths_from_its_own_folder(awkward: tuple[World, BlobStore]) -> None:
    world, blobs = awkward
    (first, *_) = export_yolo(world.database, world.project_id, images=blobs)
    assert first.data == b'train: images\nval: images\nnames:\n  0: "unlabelled"\n'
    (first, *_) = export_yolo(world.database, world.project_id, images=blobs, split=Split.parse("40/30/30"))
    assert b"path:" not in first.data
    assert first.data.startswith(b"train: images/train\nval: images/")


def test_yolo_without_images_says_how_they_have_to_be_called(awkward: tuple[World, BlobStore]) -> None:
    world, _ = awkward
    files = {file.path: file.data for file in export_yolo(world.database, world.project_id)}
    assert not any(path.startswith("images/") for path in files)
    listed = dict(list(csv.reader(io.StringIO(files["names.csv"].decode())))[1:])
    assert listed["a.png"] == "a.png.png"
    assert "without suffix" not in listed


def test_label_maps_bring_images_where_a_name_must_differ(awkward: tuple[World, BlobStore], world: World) -> None:
    clashing, blobs = awkward
    choice = ExportChoice("png")
    paths = {file.path for file in export_files(clashing.database, blobs, clashing.project_id, choice)}
    images = {path.removeprefix("images/").rsplit(".", 1)[0] for path in paths if path.startswith("images/")}
    assert len(images) == len(AWKWARD)
    assert {f"classes/{stem}.png" for stem in images} | {f"instances/{stem}.png" for stem in images} <= paths
    assert not any(
        file.path.startswith("images/") for file in export_files(world.database, blobs, world.project_id, choice)
    )


def test_coco_with_images_names_the_files_beside_it(awkward: tuple[World, BlobStore], tmp_path: Path) -> None:
    world, blobs = awkward
    files = list(export_coco_folder(world.database, world.project_id, images=blobs))
    write_folder(files, tmp_path / "out")
    coco = COCO(tmp_path / "out" / "annotations.json")
    names = {number: name for name, number in world.images.items()}
    for number, entry in coco.imgs.items():
        assert (tmp_path / "out" / "images" / entry["file_name"]).read_text() == names[number]
        assert coco.annToMask(coco.imgToAnns[number][0]).all()


def test_a_part_follows_from_the_bytes_and_shares_are_kept() -> None:
    split = Split.parse("70/20/10")
    parts = Counter(split.part_of(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(5000))
    assert abs(parts["train"] - 3500) < 150
    assert abs(parts["val"] - 1000) < 120
    assert split.part_of("f" * 64) == "test"
    assert Split.parse("100/0").part_of("f" * 64) == "train"


@pytest.mark.parametrize("text", ["", "80", "80/30", "0/100", "-1/101", "80/20/0/0", "a/b", "8０/20"])
def test_splits_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Split.parse(text)


@pytest.mark.parametrize("form", FOLDER_FORMATS)
def test_a_name_as_long_as_file_systems_allow_is_exported(
    awkward: tuple[World, BlobStore], tmp_path: Path, form: Any
) -> None:
    world, blobs = awkward
    files = list(export_files(world.database, blobs, world.project_id, ExportChoice(form)))
    assert write_folder(files, tmp_path / form) == len(files)
    assert len([path for path in (tmp_path / form).rglob("*") if path.is_file()]) == len(files)


def test_folders_and_archives_hold_the_same(world: World, tmp_path: Path) -> None:
    files = export(world, "png")
    written = [ExportFile(path, data) for path, data in files.items()]
    assert write_folder(written, tmp_path / "out") == len(files)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(written))))
    assert archive.testzip() is None
    assert archive.namelist() == list(files)
    for path, data in files.items():
        assert archive.read(path) == data == (tmp_path / "out" / path).read_bytes()
    assert b"".join(zip_chunks(written)) == b"".join(zip_chunks(written))


DEVICES = ["con", "PRN.png", "Aux.tar.gz", "nul .png", "com1.png", "LPT9", "COM¹.png", "lpt³", "CONIN$.png", "conout$"]


@pytest.mark.parametrize("device", [*DEVICES, "con." + "x" * 251])
def test_no_file_or_folder_is_called_like_a_device_of_windows(device: str) -> None:
    label = PurePosixPath(FileNames().of(f"{device}/{device}") + ".txt")
    for path in (safe_path(device), safe_path(f"{device}/a.png"), label):
        for part in path.parts:
            assert part.startswith("_") or part == "a.png"
            assert len(part.encode()) <= 255
        assert safe_path(path.as_posix()) == path


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_every_name_of_a_class_comes_out_of_yaml_as_it_was(text: str) -> None:
    try:
        name = check_text(one_line(text), "name")
    except InvalidInput:
        return
    assert yaml.safe_load(classes_yaml([name]))["names"] == {0: name}


def test_names_are_unique() -> None:
    names = FileNames()
    asked = ["a.jpg", "a.png", "A.PNG", "b/a.jpg", "../../a.jpg", "a"]
    assert [names.of(name) for name in asked] == ["a", "a.png", "A-2", "b/a", "a.jpg", "a-3"]


@given(st.text())
def test_paths_never_lead_elsewhere(name: str) -> None:
    path = safe_path(name)
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert not any(character in path.as_posix() for character in ':\\\0"<>|?*')
    assert path.parts


def test_skipped_images_stay_behind_when_asked(world: World) -> None:
    mark = {"kind": "mark", "uid": "9e0f9b5c-7a0c-4a0f-9d2b-0f8a4f3f7b11", "state": "skipped", "note": "blurry"}
    before = {form: export(world, form) for form in FOLDER_FORMATS}, world.export()
    world.apply("wide.png", MarkOperation.model_validate(mark))
    assert ({form: export(world, form) for form in FOLDER_FORMATS}, world.export()) == before
    for form, exporter in FOLDER_FORMATS.items():
        paths = [file.path for file in exporter(world.database, world.project_id, chosen=NOT_SKIPPED)]
        assert paths == [path for path in before[0][form] if "wide" not in path]
    document = json.loads(world.export(chosen=NOT_SKIPPED))
    assert [image["file_name"] for image in document["images"]] == ["tall.png", "empty.png"]
    assert len(document["annotations"]) == 3
