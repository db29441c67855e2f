"""COCO in again: exact, idempotent, all or nothing. On SQLite and PostgreSQL."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select

from limner.errors import InvalidFile
from limner.formats.coco import Skipped, import_coco
from limner.store.annotations import annotations_of
from limner.store.categories import list_categories
from limner.store.events import events_after
from limner.store.images import NewImage, add_image
from limner.store.tables import Edit
from limner.vocabulary import rle
from limner.vocabulary.events import AnnotationsEvent
from limner.vocabulary.operations import DeleteOperation
from tests.formats.coco_world import SIZES, World, new_world, random_mask


@pytest.mark.parametrize("segmentation", ["rle", "polygon"])
def test_another_server_gets_the_identical_project(world: World, fresh: World, segmentation: str) -> None:
    report = fresh.take(world.export(segmentations=segmentation))
    assert (report.categories, report.images, report.annotations, report.skipped) == (2, 2, 8, [])
    assert fresh.content() == world.content()
    assert fresh.uids() == world.uids()


def test_a_second_project_on_the_same_server_gets_copies(world: World) -> None:
    copy = new_world(world.database, "Copy")
    assert copy.take(world.export()).annotations == 8
    assert copy.content() == world.content()
    assert not copy.uids() & world.uids()
    assert copy.take(world.export()).annotations == 0


def test_importing_again_changes_nothing(world: World) -> None:
    exported = world.export()
    report = world.take(exported)
    assert (report.categories, report.images, report.annotations) == (0, 0, 0)
    assert [entry.why for entry in report.skipped] == ["it is there already"]
    assert world.export() == exported


def test_what_was_deleted_comes_back(world: World) -> None:
    exported = world.export()
    for state in json.loads(exported)["annotations"][:3]:
        world.apply("wide.png", DeleteOperation(kind="delete", uid=uuid.UUID(state["uid"])))
    assert world.take(exported).annotations == 3
    assert world.export() == exported


def test_every_annotation_of_an_import_is_in_the_history_and_announced(world: World, fresh: World) -> None:
    fresh.take(world.export())
    with fresh.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Edit)) == 8
        events = events_after(session, fresh.project_id, 0)
    assert events is not None
    told = [each.event for each in events if isinstance(each.event, AnnotationsEvent)]
    assert {event.image_id: event.annotation_count for event in told} == {
        fresh.images["wide.png"]: 4,
        fresh.images["tall.png"]: 4,
    }


def document(*annotations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    height, width = SIZES["wide.png"]
    base = {
        "info": {"year": 2024, "nested": {"annotations": [1]}},
        "annotations": [
            {"id": 100 + i, "image_id": 5, "category_id": 3} | entry for i, entry in enumerate(annotations)
        ],
        "images": [{"id": 5, "file_name": "wide.png", "height": height, "width": width, "license": 1}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    return base | fields


def masks(world: World, file_name: str = "wide.png") -> list[NDArray[np.bool_]]:
    with world.database.read() as session:
        states = annotations_of(session, world.images[file_name]).annotations
    return [rle.decode(state.segmentation) for state in states]


SQUARE = [2, 3, 7, 3, 7, 9, 2, 9]
GOOD = {"segmentation": [SQUARE]}


def test_the_three_encodings_of_a_mask_are_the_same(fresh: World) -> None:
    mask = random_mask("wide.png", 3)
    flat = np.concatenate([[0], mask.ravel(order="F").astype(int), [2]])
    counts = np.diff(np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])))
    counts[0] -= 1
    uncompressed = {"size": list(mask.shape), "counts": counts.tolist()}
    fresh.take(document({"segmentation": uncompressed}))
    assert (masks(fresh)[0] == mask).all()
    assert fresh.take(document({"segmentation": dict(rle.encode(mask))})).annotations == 0
    square = np.zeros_like(mask)
    square[3:9, 2:7] = True
    fresh.take(document({"segmentation": [SQUARE], "iscrowd": 1}))
    assert (masks(fresh)[1] == square).all()
    assert fresh.take(document({"segmentation": dict(rle.encode(square)), "iscrowd": 1})).annotations == 0
    assert fresh.take(document({"segmentation": dict(rle.encode(square)), "iscrowd": 0})).annotations == 1


def test_an_annotation_without_uid_is_identified_by_image_category_crowd_and_mask(fresh: World) -> None:
    twice = document({"segmentation": [SQUARE]}, {"segmentation": [SQUARE]})
    report = fresh.take(twice)
    assert report.annotations == 1
    assert report.skipped == [Skipped("annotation 1 (id 101)", "the same annotation is there already")]
    assert fresh.take(twice).annotations == 0
    assert fresh.take(document({"segmentation": [SQUARE]}, categories=[{"id": 3, "name": "dog"}])).annotations == 1


def test_a_uid_that_comes_twice_is_one_annotation_of_each_image(fresh: World) -> None:
    uid = str(uuid.uuid4())
    images = [*document()["images"], {"id": 6, "file_name": "tall.png"}]
    entries = [GOOD | {"uid": uid, "image_id": image} for image in (5, 5, 6, 6, 5)]
    twice = document(*entries, images=images)
    assert fresh.take(twice).annotations == 2
    assert len(masks(fresh, "wide.png")) == len(masks(fresh, "tall.png")) == 1
    assert fresh.take(twice).annotations == 0


def test_categories_are_matched_by_name_and_keep_what_the_project_says(fresh: World) -> None:
    fresh.category("cat")
    entries = [{"id": 3, "name": "cat", "color": "#123456"}, {"id": 8, "name": "dog", "supercategory": "pet"}]
    report = fresh.take(document({"segmentation": [SQUARE]}, categories=entries))
    assert report.categories == 1
    with fresh.database.read() as session:
        cat, dog = list_categories(session, fresh.project_id)
    assert cat.color != "#123456"
    assert (dog.name, dog.supercategory) == ("dog", "pet")


@pytest.mark.parametrize("name", ["wide.png", "images/train/wide.png", "C:\\data\\wide.png"])
def test_images_are_found_by_name_or_its_last_part(fresh: World, name: str) -> None:
    assert fresh.take(document({"segmentation": [SQUARE]}, images=[{"id": 5, "file_name": name}])).images == 1


def test_images_are_found_by_content_before_the_name(fresh: World) -> None:
    entry = {"id": 5, "file_name": "tall.png", "sha256": f"{0:064x}"}
    fresh.take(document({"segmentation": [SQUARE]}, images=[entry]))
    assert len(masks(fresh, "wide.png")) == 1


def test_what_cannot_be_used_is_left_out_and_named(fresh: World) -> None:
    with fresh.database.write() as session:
        for folder in "ab":
            add_image(
                session, fresh.project_id, NewImage(f"{folder}/same.png", 5, 5, folder * 64, 1, "PNG", "image/png")
            )
    images = [
        *document()["images"],
        {"id": 6, "file_name": "absent.png"},
        {"id": 7, "file_name": "same.png"},
    ]
    report = fresh.take(
        document(
            {"segmentation": [SQUARE]},
            {"segmentation": []},
            {"bbox": [1, 2, 3, 4]},
            {"segmentation": [[1, 1, 1, 1, 1, 1]]},
            {"segmentation": [[-50, -50, -5, -50, -5, -5]]},
            *({"image_id": 6, "segmentation": [SQUARE]} for _ in range(7)),
            {"image_id": 7, "segmentation": [SQUARE]},
            images=images,
        )
    )
    assert report.annotations == 1
    assert {entry.why: entry.what for entry in report.skipped} == {
        "the project has no image of this name": "image absent.png",
        "the project has several images of this name": "image same.png",
        "it has no mask": "annotations 1 (id 101), 2 (id 102)",
        "its polygons cover no pixel of the image": "annotations 3 (id 103), 4 (id 104)",
        "its image was left out": ("annotations " + ", ".join(f"{i} (id {100 + i})" for i in range(5, 13))),
    }


def test_a_null_category_is_none(fresh: World) -> None:
    fresh.take(document({"segmentation": [SQUARE], "category_id": None}))
    assert fresh.content()["annotations"]["wide.png"][0][0] is None


H, W = SIZES["wide.png"]
OUTSIDE = {"prompts": {"points": [[9999, 1, 1]], "box": None, "mask": False}}


@pytest.mark.parametrize(
    ("bad", "complaint", "hint"),
    [
        (document(GOOD, {"segmentation": {"size": [H, W], "counts": "00"}}), "annotation 1 (id 101): ", str(H * W)),
        (document({"segmentation": {"size": [W, H], "counts": [H * W]}}), f"size [{W}, {H}]", f"height {H}"),
        (document({"segmentation": {"size": [H, W], "counts": [H * W - 1]}}), f"add up to {H * W - 1}", str(H * W)),
        (document({"segmentation": {"size": [H, W], "counts": [H * W + 5, -5]}}), "whole numbers", "run lengths"),
        (document({"segmentation": {"size": [H, W], "counts": [1.5]}}), "whole numbers", "run lengths"),
        (document({"segmentation": {"size": [H, W], "counts": [10**30]}}), "whole numbers", "run lengths"),
        (document({"segmentation": {"size": [H, W], "counts": "é"}}), "not ASCII", ""),
        (document({"segmentation": [[1, 2, 3, 4]]}), "Polygon 0 has 4 numbers", "three points"),
        (document({"segmentation": [[1, 2, 3, 4, 5, "6"]]}), "Polygon 0 contains '6'", "numbers"),
        (document({"segmentation": [[1, 2, 3, 4, 5, 1e9]]}), "Polygon 0 contains", "image pixels"),
        (document({"segmentation": SQUARE}), "no known kind", "list of polygons"),
        (document({"segmentation": "mask.png"}), "no known kind", "list of polygons"),
        (document(GOOD | {"iscrowd": 2}), "has iscrowd 2", "0 or 1"),
        (document(GOOD | {"category_id": 99}), "has the category 99", "lists 3"),
        (document(GOOD | {"category_id": "cat"}), "category_id 'cat'", "whole numbers"),
        (document(GOOD | {"image_id": 99}), "is of image 99", "no image of this id"),
        (document(GOOD | {"uid": "abc"}), "has the uid 'abc'", "UUID"),
        (document(GOOD | {"provenance": {"seconds": -1}}), "provenance", ""),
        (document(GOOD | {"attributes": {str(i): i for i in range(101)}}), "101 attributes", "100"),
        (document(GOOD | {"attributes": {"note": "a\0b"}}), "NUL characters", ""),
        (document(GOOD | {"attributes": {"note": "\ud800"}}), "proper Unicode", ""),
        (document(GOOD | {"attributes": {"note": "x" * 70_000}}), "at most 65536", ""),
        (document(GOOD | {"provenance": OUTSIDE}), "lies outside the image", "Leave it out"),
        (document(annotations=[7]), "annotation 0: it is not an object", ""),
        (document(categories=[{"id": 3}]), "category 0 (id 3): it has the name None", "1 to 255"),
        (
            document(categories=[{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]),
            "category b (id 3)",
            "several categories of this id",
        ),
        (document(categories=[{"name": "a"}]), "has the id None", "whole numbers"),
        (document(images=[{"id": 5}]), "has the file_name None", ""),
        (document(images=[{"id": 5, "file_name": "wide.png", "height": H}]), "width None", "whole numbers"),
        (document(images=[{"id": 5, "file_name": "wide.png", "height": W, "width": H}]), f"height {W}", "EXIF"),
        (document(images=[{"id": 5, "file_name": "a\0.png"}]), "has the file_name", "NUL"),
        (document(categories=[{"id": 3, "name": "\udc00"}]), "has the name", "Unicode"),
    ],
)
def test_an_entry_that_cannot_be_used_is_listed_with_its_reason_and_the_others_go_in(
    fresh: World, bad: dict[str, Any], complaint: str, hint: str
) -> None:
    good = {"id": 900, "image_id": 901, "category_id": 902, "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}
    height, width = SIZES["tall.png"]
    bad["images"].append({"id": 901, "file_name": "tall.png", "height": height, "width": width})
    bad["categories"].append({"id": 902, "name": "good"})
    bad["annotations"].append(good)
    report = fresh.take(bad)
    said = [f"{skipped.what}: {skipped.why}" for skipped in report.skipped]
    assert any(complaint in each and hint in each for each in said), said
    assert fresh.content()["annotations"]["tall.png"][0][0] == "good"
    assert report.annotations == 1 + len(masks(fresh)) == len(fresh.uids())


def test_all_that_is_wrong_is_listed_at_once(fresh: World) -> None:
    """58 polygons of two points: one import, not 59."""
    good = [{"segmentation": [[i % 20, 0, i % 20 + 2, 0, i % 20 + 2, 1 + i // 20]]} for i in range(250)]
    flat = [{"segmentation": [[1, 2, 3, 4]]} for _ in range(58)]
    report = fresh.take(document(*good, *flat, {"segmentation": {"size": [H, W], "counts": [1]}}))
    assert len(masks(fresh)) == report.annotations
    listed = {entry.why: entry.what for entry in report.skipped if "segmentation" in entry.why}
    assert len(listed) == 2
    (polygons,) = (what for why, what in listed.items() if "Polygon 0 has 4 numbers" in why)
    assert polygons == "annotations " + ", ".join(f"{i} (id {100 + i})" for i in range(250, 308))


def test_a_degenerate_part_beside_a_good_one_is_dropped_and_said(fresh: World) -> None:
    report = fresh.take(document({"segmentation": [[1, 2, 3, 4], SQUARE, [], [5, 5]]}))
    assert report.annotations == 1
    square = np.zeros(SIZES["wide.png"], np.bool_)
    square[3:9, 2:7] = True
    assert (masks(fresh)[0] == square).all()
    assert report.skipped == [
        Skipped("part of annotation 0 (id 100)", "a polygon of fewer than three points beside others was dropped")
    ]


@pytest.mark.parametrize("whole", [b"", b"[]", b"{", b'{"images": {}}', b'{"annotations": [{}', b'{"a": NaN}', b"\xff"])
def test_what_is_no_coco_file_is_refused_and_changes_nothing(fresh: World, whole: bytes) -> None:
    before = fresh.content()
    with pytest.raises(InvalidFile):
        fresh.take(whole)
    assert fresh.content() == before


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\x07"])
def test_a_category_that_the_api_would_not_take_is_not_imported(fresh: World, name: str) -> None:
    report = fresh.take(document(GOOD, categories=[{"id": 3, "name": name}]))
    assert report.annotations == 0
    assert fresh.content()["categories"] == []
    assert [entry.what for entry in report.skipped] == ["category 0 (id 3)", "annotation 0 (id 100)"]
    assert "cannot be used" in report.skipped[1].why


def test_cafe_is_one_category_in_either_form_of_unicode(fresh: World) -> None:
    fresh.category("caf\u00e9")
    categories = [{"id": 3, "name": "cafe\u0301"}, {"id": 4, "name": "caf\u00e9"}]
    report = fresh.take(document(GOOD, GOOD | {"category_id": 4}, categories=categories))
    assert (report.categories, report.annotations) == (0, 1)
    assert [name for name, *_ in fresh.content()["categories"]] == ["caf\u00e9"]


def test_a_number_beyond_reading_is_refused(fresh: World) -> None:
    with pytest.raises(InvalidFile, match="number that cannot be read"):
        import_coco(fresh.database, fresh.project_id, b'{"images": [' + b"1" * 5000 + b"]}")


def test_streams_are_read_twice_from_their_beginning(fresh: World) -> None:
    file = io.BytesIO(json.dumps(document(GOOD)).encode())
    file.seek(10)
    assert import_coco(fresh.database, fresh.project_id, file).annotations == 1


def test_a_twin_without_uid_is_the_annotation_with_uid_of_the_same_import(world: World) -> None:
    height, width = SIZES["wide.png"]
    entry = {"image_id": 1, "segmentation": dict(rle.encode(np.eye(height, width, dtype=np.bool_)))}
    document = {
        "categories": [],
        "images": [{"id": 1, "file_name": "wide.png"}],
        "annotations": [{"id": 1, **entry}, {"id": 2, "uid": str(uuid.uuid4()), **entry}],
    }
    with world.database.read() as session:
        of_image = select(func.count(Edit.id)).where(Edit.image_id == world.images["wide.png"])
        before = session.scalar(of_image) or 0
    report = world.take(document)
    assert report.annotations == 1
    assert [skipped.what for skipped in report.skipped] == ["annotation 0 (id 1)"]
    with world.database.read() as session:
        assert session.scalar(of_image) == before + 1
