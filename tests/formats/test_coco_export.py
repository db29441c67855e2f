"""COCO out: exact, stable and of one snapshot. On SQLite and PostgreSQL."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from limner.errors import NotFound
from limner.formats.coco import export_coco, import_coco
from limner.store import Database
from limner.store.annotations import annotations_of
from limner.store.categories import delete_category, get_category
from limner.store.projects import create_project
from limner.vocabulary import rle
from limner.vocabulary.operations import DeleteOperation
from tests.formats.coco_world import SIZES, World, new_world, random_mask


@pytest.mark.parametrize("segmentation", ["rle", "polygon"])
def test_pycocotools_sees_the_stored_masks(world: World, tmp_path: Path, segmentation: str) -> None:
    path = tmp_path / "coco.json"
    path.write_bytes(world.export(segmentations=segmentation))
    coco = COCO(path)
    with world.database.read() as session:
        states = {
            state.id: state
            for image_id in world.images.values()
            for state in annotations_of(session, image_id).annotations
        }
    assert set(coco.anns) == set(states)
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == list(SIZES)
    assert set(coco.getCatIds()) == {entry["category_id"] for entry in coco.anns.values()}
    for number, entry in coco.anns.items():
        mask = rle.decode(states[number].segmentation)
        assert (coco.annToMask(entry) == mask).all()
        assert entry["area"] == mask.sum()
        assert entry["bbox"] == coco_mask.toBbox({**states[number].segmentation}).tolist()
        assert entry["iscrowd"] == states[number].iscrowd
        if segmentation == "rle":
            assert entry["segmentation"] == states[number].segmentation
        else:
            assert isinstance(entry["segmentation"], list) == bool(entry["area"])


def test_the_bytes_are_the_same_whatever_is_edited_meanwhile(world: World) -> None:
    before = world.export()
    assert world.export() == before
    chunks = export_coco(world.database, world.project_id)
    head = next(chunks)
    assert head + b"".join(chunks) == before
    uid = world.create("wide.png", random_mask("wide.png", 20))
    assert world.export() != before
    world.apply("wide.png", DeleteOperation(kind="delete", uid=uuid.UUID(uid)))
    assert world.export() == before


def test_an_export_is_one_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.formats.coco.exporting.CHUNK_BYTES", 1)
    before = world.export()
    chunks = export_coco(world.database, world.project_id)
    head = next(chunks)
    world.create("wide.png", random_mask("wide.png", 21))
    assert head + b"".join(chunks) == before


def test_keys_are_sorted_and_every_entry_is_a_line(world: World) -> None:
    text = world.export().decode()
    entries = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith('{"')]
    assert len(entries) == 3 + 3 + 8
    assert all(list(entry) == sorted(entry) for entry in entries)
    assert "ü" in text


def test_an_empty_project_is_a_valid_file(database: Database) -> None:
    with database.write() as session:
        project_id = create_project(session, 'Quotes " and \\').id
    document = json.loads(b"".join(export_coco(database, project_id)))
    assert document["categories"] == document["images"] == document["annotations"] == []
    assert document["info"]["description"] == 'Quotes " and \\'


def test_a_missing_project_is_named(database: Database) -> None:
    with pytest.raises(NotFound, match="project 77"):
        next(export_coco(database, 77))
    with pytest.raises(NotFound, match="project 77"):
        import_coco(database, 77, b"{}")


def test_categories_are_numbered_1_to_n_in_every_project_for_its_life(world: World) -> None:
    second = new_world(world.database, "Second")
    zebra, ape, bee = (second.category(name) for name in ("zebra", "ape", "bee"))
    second.create("wide.png", random_mask("wide.png"), ape)
    second.create("wide.png", random_mask("wide.png", 2), bee)

    def numbers() -> tuple[dict[str, int], list[int]]:
        content = json.loads(second.export())
        return {c["name"]: c["id"] for c in content["categories"]}, [a["category_id"] for a in content["annotations"]]

    assert numbers() == ({"zebra": 1, "ape": 2, "bee": 3}, [2, 3])
    with second.database.write() as session:
        delete_category(session, get_category(session, zebra))
    assert second.category("zebra") > zebra
    assert numbers() == ({"ape": 2, "bee": 3, "zebra": 4}, [2, 3])
    second.create("wide.png", random_mask("wide.png", 4), None)
    assert numbers() == ({"ape": 2, "bee": 3, "zebra": 4, "unlabelled": 5}, [2, 3, 5])
    second.category("cow")
    assert numbers() == ({"ape": 2, "bee": 3, "zebra": 4, "cow": 6, "unlabelled": 5}, [2, 3, 5])
