"""What holds for every format: pixels, archives, boxes, images that are missing, and files that are no such files."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from limner.errors import InvalidFile
from limner.formats.exports import FOLDER_FORMATS
from limner.formats.files import zip_chunks
from limner.formats.importing import import_files, of_bytes, of_stream
from limner.formats.importing.sniffing import sniff
from limner.store.categories import list_categories
from limner.store.images import NewImage, add_image
from limner.store.projects import create_project
from limner.vocabulary import rle
from tests.formats.coco_world import World
from tests.formats.importing.files import (
    ALL,
    CORNERS,
    CVAT,
    LABELME,
    MASK,
    SIZES,
    VOC,
    Files,
    box,
    found,
    reasons,
    states,
    take,
)


@pytest.mark.parametrize("form", ALL)
def test_a_mask_of_every_format_comes_in_to_the_pixel_and_only_once(world: World, form: str) -> None:
    preview = take(world, ALL[form], preview=True)
    assert (preview.format, preview.annotations, preview.images, preview.unmatched) == (form, 1, 1, 0)
    assert preview.by_category == {"dog": 1}
    assert preview.skipped == []
    assert found(world, "a.jpg") == []
    with world.database.read() as session:
        assert not list_categories(session, world.project_id)

    report = take(world, ALL[form])
    assert (report.annotations, report.images, report.categories) == (1, 1, preview.categories)
    assert report.skipped == []
    ((category, mask),) = found(world, "a.jpg")
    assert category == "dog"
    assert np.array_equal(mask, box("a.jpg", *MASK))

    for again in (take(world, ALL[form], preview=True), take(world, ALL[form])):
        assert again.annotations == 0
        assert "there already" in reasons(again)


@pytest.mark.parametrize("packed", ["set/{}", "./{}", "/set/{}", "../set/{}", "set\\{}"])
@pytest.mark.parametrize("form", ALL)
def test_a_zip_archive_is_read_like_its_files_whatever_packed_it(world: World, form: str, packed: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ALL[form].items():
            path = packed.format(name)
            archive.writestr(path.replace("/", "\\") if "\\" in path else path, data)
        archive.writestr("__MACOSX/set/._a.json", b"\0\5\x16\7")
    report = import_files(world.database, world.project_id, of_stream("set.zip", buffer))
    assert (report.format, report.annotations, report.skipped) == (form, 1, [])


@pytest.mark.parametrize("form", ALL)
def test_images_that_the_project_lacks_are_counted_and_named(world: World, form: str) -> None:
    other = {name.replace("a.", "gone."): data.replace(b"a.jpg", b"gone.jpg") for name, data in ALL[form].items()}
    report = take(world, other, preview=True, form=form)
    assert report.annotations == 0
    assert "gone" in reasons(report)
    assert "the project has no image of this name" in reasons(report).lower()


@pytest.mark.parametrize("form", ["yolo", "png"])
def test_what_limner_exports_comes_back(world: World, tmp_path: Path, form: str) -> None:
    for name, categories in {"a.jpg": ("cat", "dog"), "deep/b.png": ("dog",), "café.png": ("cat",)}.items():
        for number, category in enumerate(categories):
            with world.database.read() as session:
                known = {each.name: each.id for each in list_categories(session, world.project_id)}
            mask = box(name, 2 + 9 * number, 9 + 9 * number, 3, 12)
            mask[4, 5] = False
            world.create(name, mask, known.get(category) or world.category(category))
    exported = {file.path: file.data for file in FOLDER_FORMATS[form](world.database, world.project_id, images=None)}
    with world.database.write() as session:
        project = create_project(session, "Other")
        images = {}
        for number, (name, (height, width)) in enumerate(SIZES.items()):
            new = NewImage(name, width, height, f"{number:064x}", 1, "PNG", "image/png")
            images[name] = add_image(session, project.id, new)[0].id
    other = World(world.database, project.id, images)
    report = take(other, {name: data for name, data in exported.items() if isinstance(data, bytes)})
    assert (report.annotations, report.skipped) == (4, [])
    for name in SIZES:
        pairs = zip(*(sorted(found(each, name), key=lambda one: one[0] or "") for each in (other, world)), strict=True)
        for (category, mask), (wanted_category, wanted) in pairs:
            assert category == wanted_category
            assert np.array_equal(mask, wanted)


def test_boxes_are_listed_or_become_rectangles_with_the_box_as_their_prompt(world: World) -> None:
    detection = {"classes.txt": b"cat\n", "labels/a.txt": b"0 0.25 0.5 0.3 0.5\n0 0.25 0.5 0.3 0.5 0.875\n"}
    report = take(world, detection)
    assert report.annotations == 0
    assert "line 1 of labels/a.txt, line 2 of labels/a.txt: it is a box without a mask" in reasons(report)
    assert "--boxes rectangle" in reasons(report)

    report = take(world, detection, boxes="rectangle")
    assert report.annotations == 1  # the second is the same
    (state,) = states(world, "a.jpg")
    assert np.array_equal(rle.decode(state.segmentation), box("a.jpg", 10, 30, 6, 24))
    assert state.provenance is not None
    assert state.provenance["prompts"]["box"] == [6, 10, 24, 30]


BOXES: dict[str, Files] = {
    "labelme": {
        "a.json": LABELME["a.json"]
        .replace(b'"polygon"', b'"rectangle"')
        .replace(json.dumps(CORNERS).encode(), b"[[24, 10], [6, 30]]")
    },
    "cvat": {
        "a.xml": b'<annotations><image id="0" name="a.jpg" width="60" height="40">'
        b'<box label="dog" xtl="6.0" ytl="10.0" xbr="24.0" ybr="30.0"/></image></annotations>'
    },
    "label-studio": {
        "a.json": json.dumps(
            [
                {
                    "data": {"image": "s3://bucket/a.jpg"},
                    "annotations": [
                        {
                            "result": [
                                {
                                    "type": "rectanglelabels",
                                    "original_width": 60,
                                    "original_height": 40,
                                    "value": {
                                        "x": 10,
                                        "y": 25,
                                        "width": 30,
                                        "height": 50,
                                        "rotation": 0,
                                        "rectanglelabels": ["dog"],
                                    },
                                }
                            ]
                        }
                    ],
                }
            ]
        ).encode()
    },
    "voc": {"Annotations/a.xml": VOC["Annotations/a.xml"]},
}


@pytest.mark.parametrize("form", BOXES)
def test_boxes_of_every_format_are_the_same_rectangle(world: World, form: str) -> None:
    assert "it is a box without a mask" in reasons(take(world, BOXES[form]))
    assert take(world, BOXES[form], boxes="rectangle").annotations == 1
    ((category, mask),) = found(world, "a.jpg")
    assert category == "dog"
    assert np.array_equal(mask, box("a.jpg", *MASK))


def test_files_of_no_or_several_formats_are_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidFile, match="No annotations of a known format") as error:
        take(world, {"notes.txt": b"hello", "a.json": b'{"a": 1}'})
    assert "coco, sa1b, yolo, labelme, cvat, label-studio, voc, masks" in str(error.value.hint)
    with pytest.raises(InvalidFile, match="cvat and labelme"):
        take(world, {**CVAT, **LABELME})
    assert take(world, {**CVAT, **LABELME}, form="labelme").annotations == 1


def test_archives_that_are_broken_encrypted_or_bombs_are_refused(world: World) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", LABELME["a.json"])
        archive.writestr("bomb.json", b" " * (400 << 20))
    with pytest.raises(InvalidFile, match="unpacks to far more"):
        of_stream("x.zip", whole)
    with pytest.raises(InvalidFile, match="archive cannot be read"):
        of_stream("x.zip", io.BytesIO(whole.getvalue()[:200]))
    small = b"".join(zip_chunks([]))
    assert not of_stream("x.zip", io.BytesIO(small)).files
    sealed = bytearray()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.json", LABELME["a.json"])
    sealed[:] = buffer.getvalue()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        sealed[sealed.index(mark) + place] |= 1
    with pytest.raises(InvalidFile, match="is encrypted"):
        of_stream("x.zip", io.BytesIO(bytes(sealed)))
    damaged = bytearray(buffer.getvalue())
    damaged[60] ^= 255
    report = import_files(
        world.database, world.project_id, of_stream("x.zip", io.BytesIO(bytes(damaged))), form="labelme"
    )
    assert "a.json cannot be read" in reasons(report)


def test_links_and_archives_within_an_archive_are_refused_by_name(world: World) -> None:
    """A link's content is the path that it leads to; nothing of this machine is read by it."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.json", LABELME["a.json"])
    nested, linked = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("all.zip", inner.getvalue())
        archive.writestr("readme.txt", "unpack it")
    with zipfile.ZipFile(linked, "w") as archive:
        link = zipfile.ZipInfo("a.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    for packed, said in ((nested, r"all\.zip is an archive of its own.*Unpack it"), (linked, r"'a\.json' is a link")):
        with pytest.raises(InvalidFile, match=said):
            import_files(world.database, world.project_id, of_stream("x.zip", packed))


@pytest.mark.parametrize("form", ALL)
def test_files_cut_or_changed_anywhere_are_refused_or_read_without_any_other_error(world: World, form: str) -> None:
    generator = np.random.default_rng(5)
    refused: list[str] = []
    for _ in range(60):
        files = dict(ALL[form])
        name = str(generator.choice(sorted(files)))
        data = bytearray(files[name])
        if generator.random() < 0.4:
            data = data[: generator.integers(0, len(data))]
        else:
            for place in generator.integers(0, len(data), 3):
                data[place] = generator.integers(0, 256)
        files[name] = bytes(data)
        try:
            report = take(world, files, form=form, boxes="rectangle", preview=True)
        except InvalidFile as error:
            refused.append(error.hint)
        else:
            assert report.annotations <= 1
    assert all(refused)
    assert found(world, "a.jpg") == []


def test_the_formats_are_told_apart_by_what_is_in_them() -> None:
    for form, files in ALL.items():
        assert sniff(of_bytes(files.items())) == form
