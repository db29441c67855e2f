"""Which images an export holds, how many that are before it is made, and what simpler polygons cost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from limner.vocabulary import rle
from tests.api.conftest import Upload, creation
from tests.api.test_exports import archive
from tests.api.test_marks import send
from tests.conftest import png_bytes

Json = dict[str, Any]


def draw(client: FlaskClient, image_id: int, category_id: int | None, mask: Any = None, revision: int = 0) -> None:
    yy, xx = np.mgrid[:48, :64]
    mask = (yy - 24) ** 2 + (xx - 30) ** 2 < 18**2 if mask is None else mask
    body = creation(category_id=category_id, segmentation=dict(rle.encode(mask)))
    answer = client.post(f"/api/v1/images/{image_id}/operations", json=body, headers={"If-Match": f'"{revision}"'})
    assert answer.status_code == 200, answer.json


@pytest.fixture
def images(script: FlaskClient, project: Json, upload: Upload) -> Mapping[str, int]:
    """One image of each kind, by name; a disc is drawn on three of them."""
    ids = {}
    names = ("untouched", "begun", "submitted", "negative", "approved", "skipped")
    for seed, name in enumerate(names):
        ids[name] = upload(png_bytes(48, 64, seed), f"{'shelf/' if name == 'begun' else ''}{name}.png")["image"]["id"]
    for name in ("begun", "submitted", "approved"):
        draw(script, ids[name], project["categories"][0]["id"] if name != "begun" else None)
    for name, revision in (("submitted", 1), ("negative", 0), ("approved", 1)):
        assert send(script, ids[name], revision, "submitted").status_code == 200
    assert send(script, ids["approved"], 2, "approved").status_code == 200
    assert send(script, ids["skipped"], 0, "skipped", "blurry").status_code == 200
    return ids


def exported(client: FlaskClient, project_id: int, query: str) -> set[str]:
    answer = client.get(f"/api/v1/projects/{project_id}/export?{query}")
    assert answer.status_code == 200, answer.json
    document = json.loads(answer.data)
    assert {each["image_id"] for each in document["annotations"]} <= {each["id"] for each in document["images"]}
    return {image["file_name"].removesuffix(".png") for image in document["images"]}


def preview(client: FlaskClient, project_id: int, query: str) -> Json:
    answer = client.get(f"/api/v1/projects/{project_id}/export/preview?{query}")
    assert answer.status_code == 200, answer.json
    found: Json = answer.json
    return found


CHOICES = {
    "which=approved": {"approved"},
    "which=finished": {"submitted", "negative", "approved"},
    "which=annotated": {"shelf/begun", "submitted", "negative", "approved"},
    "": {"untouched", "shelf/begun", "submitted", "negative", "approved", "skipped"},
    "which=all&skipped=false": {"untouched", "shelf/begun", "submitted", "negative", "approved"},
    "which=all&state=waiting": {"untouched", "shelf/begun"},
    "which=all&search=ed": {"untouched", "submitted", "approved", "skipped"},
    "which=finished&search=ed": {"submitted", "approved"},
    "which=all&folder=/shelf/": {"shelf/begun"},
    "which=approved&folder=shelf": set(),
    "which=all&category={category}": {"submitted", "approved"},
    "which=all&category={category}&exhaustive=unknown": {
        "untouched",
        "shelf/begun",
        "submitted",
        "negative",
        "approved",
        "skipped",
    },
    "which=all&category={category}&exhaustive=yes": set(),
}


@pytest.mark.parametrize(("query", "names"), CHOICES.items())
def test_what_was_counted_is_what_comes(
    script: FlaskClient, project: Json, images: Mapping[str, int], query: str, names: set[str]
) -> None:
    query = query.format(category=project["categories"][0]["id"])
    assert exported(script, project["id"], query) == names
    counted = preview(script, project["id"], query)
    drawn = names & {"shelf/begun", "submitted", "approved"}
    assert (counted["images"], counted["annotations"], counted["empty"]) == (
        len(names),
        len(drawn),
        len(names - drawn),
    )
    assert counted["annotations"] == sum(each["annotations"] for each in counted["by_category"])
    assert sum(each["images"] for each in counted["left_out"]) == len(images) - len(names)
    assert counted["left_out_annotations"] == 3 - len(drawn)


def test_images_that_were_chosen_one_by_one_come_and_no_others(
    script: FlaskClient, project: Json, images: Mapping[str, int]
) -> None:
    query = f"which=all&image_ids={images['skipped']},{images['begun']},999999"
    assert exported(script, project["id"], query) == {"shelf/begun", "skipped"}
    counted = preview(script, project["id"], query)
    assert (counted["images"], counted["annotations"]) == (2, 1)
    assert exported(script, project["id"], f"which=approved&image_ids={images['skipped']}") == set()
    assert exported(script, project["id"], f"{query}&folder=shelf") == {"shelf/begun"}


@pytest.mark.parametrize("ids", ["", "1,,2", "1,", "x", "-1", "1 2", ",".join(["1"] * 1001)])
def test_numbers_of_images_that_are_none_are_refused(script: FlaskClient, project: Json, ids: str) -> None:
    answer = script.get(f"/api/v1/projects/{project['id']}/export?image_ids={ids}")
    assert answer.status_code == 422
    assert "image_ids" in str(answer.json)


def test_untouched_images_get_no_label_files_and_negatives_do(
    script: FlaskClient, project: Json, images: Mapping[str, int]
) -> None:
    labels = {
        name: data
        for name, data in archive(script, project["id"], "yolo", "&which=annotated").items()
        if name.endswith(".txt")
    }
    assert set(labels) == {f"labels/{name}.txt" for name in ("shelf/begun", "submitted", "negative", "approved")}
    assert [name for name, data in labels.items() if not data] == ["labels/negative.txt"]


def test_categories_states_and_what_yolo_cannot_say_are_counted(
    script: FlaskClient, project: Json, images: Mapping[str, int]
) -> None:
    draw(script, images["untouched"], project["categories"][0]["id"], np.zeros((48, 64), np.bool_))
    counted = preview(script, project["id"], "which=all")
    assert counted["by_category"] == [{"category": "cat", "annotations": 3}, {"category": None, "annotations": 1}]
    assert counted["no_outline"] == 0
    yolo = preview(script, project["id"], "which=annotated&format=yolo")
    assert (yolo["annotations"], yolo["no_outline"]) == (3, 1)
    assert yolo["left_out"] == [{"state": "skipped", "images": 1}]
    assert yolo["file_name"].endswith("-yolo.zip")


def test_the_parts_of_a_split_are_counted_as_they_are_made(script: FlaskClient, project: Json, upload: Upload) -> None:
    for seed in range(12):
        upload(png_bytes(48, 64, seed), f"{seed}.png")
    query = "which=all&format=yolo&split=50/30/20"
    counted = preview(script, project["id"], query)
    files = archive(script, project["id"], "yolo", "&which=all&split=50/30/20")
    made = Counter(name.split("/")[1] for name in files if name.startswith("images/"))
    assert {each["part"]: each["images"] for each in counted["parts"]} == {
        part: made[part] for part in ("train", "val", "test")
    }
    assert counted["images"] == 12


def test_a_tolerance_costs_little_and_saves_many_corners(
    script: FlaskClient, project: Json, images: Mapping[str, int]
) -> None:
    address = f"/api/v1/projects/{project['id']}/export"
    query = "segmentation=polygon&tolerance=1"
    cost = script.get(f"{address}/tolerance?{query}").json
    document = json.loads(script.get(f"{address}?{query}").data)
    ious, corners = [], 0
    yy, xx = np.mgrid[:48, :64]
    disc = (yy - 24) ** 2 + (xx - 30) ** 2 < 18**2
    for annotation in document["annotations"]:
        corners += sum(map(len, annotation["segmentation"])) // 2
        back = rle.decode(rle.from_polygons(annotation["segmentation"], (48, 64)))
        ious.append((back & disc).sum() / (back | disc).sum())
    assert cost["masks"] == len(ious) == 3
    assert cost["corners"] == corners < cost["exact_corners"] / 2
    assert cost["mean_iou"] == pytest.approx(sum(ious) / 3)
    assert 0.9 < cost["worst_iou"] <= cost["mean_iou"] < 1
    exact = script.get(f"{address}/tolerance?segmentation=polygon").json
    assert (exact["mean_iou"], exact["corners"]) == (1, exact["exact_corners"])

    (line, *_) = archive(script, project["id"], "yolo", "&tolerance=1")["labels/approved.txt"].decode().splitlines()
    assert len(line.split()) // 2 == corners / 3


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("which=some", "annotated"),
        ("tolerance=1", "polygons"),
        ("format=png&tolerance=1", "YOLO"),
        ("format=yolo&tolerance=-1", "0"),
        ("format=yolo&tolerance=nan", "20"),
        ("format=yolo&tolerance=99", "20"),
        ("split=80/20", "images"),
    ],
)
def test_choices_that_are_none_are_refused_alike(script: FlaskClient, project: Json, query: str, hint: str) -> None:
    for end in ("", "/preview", "/tolerance"):
        answer = script.get(f"/api/v1/projects/{project['id']}/export{end}?{query}")
        assert answer.status_code == 422, answer.json
        assert hint in answer.json["error"]["hint"]


def test_the_file_is_called_after_project_day_and_format(script: FlaskClient, services: Any) -> None:
    made = script.post("/api/v1/projects", json={"name": "Cafés / Möbel 01?"}).json
    answer = script.get(f"/api/v1/projects/{made['id']}/export?segmentation=polygon")
    name = preview(script, made["id"], "segmentation=polygon")["file_name"]
    assert name.startswith("Cafés _ Möbel 01_-20")
    assert name.endswith("-coco-polygons.json")
    assert "filename*=UTF-8''Caf%C3%A9s%20_%20M%C3%B6bel%2001_-20" in answer.headers["Content-Disposition"]
    assert preview(script, made["id"], "")["images"] == 0
