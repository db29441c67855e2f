"""Every format over HTTP; what is in the files is tested with limner.formats."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from limner.formats.exports import FOLDER_FORMATS
from limner.formats.importing import import_files, of_bytes
from limner.service.wiring import Services
from limner.vocabulary import rle
from tests.api.conftest import Upload, mask_rle, new_uid
from tests.api.test_imports import annotate
from tests.api.test_marks import send
from tests.conftest import png_bytes

Json = dict[str, Any]


def archive(client: FlaskClient, project_id: int, form: str, query: str = "") -> dict[str, bytes]:
    answer = client.get(f"/api/v1/projects/{project_id}/export?format={form}{query}")
    assert answer.status_code == 200, answer.json
    assert answer.mimetype == "application/zip"
    assert re.fullmatch(
        rf"attachment; filename=\S+-\d{{4}}-\d\d-\d\d-{form}\.zip", answer.headers["Content-Disposition"]
    )
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.parametrize("form", FOLDER_FORMATS)
def test_the_archive_holds_what_the_exporter_makes(
    script: FlaskClient, project: Json, image: Json, services: Services, form: Any
) -> None:
    annotate(script, image, project["categories"][0]["id"])
    files = {file.path: file.data for file in FOLDER_FORMATS[form](services.database, project["id"])}
    assert files
    assert archive(script, project["id"], form, "&images=false" if form == "yolo" else "") == files


def test_images_and_splits_on_request(script: FlaskClient, project: Json, image: Json, upload: Upload) -> None:
    annotate(script, image, project["categories"][0]["id"])
    for seed in range(1, 9):
        upload(png_bytes(48, 64, seed), f"{seed}.png")
    file = script.get(f"/api/v1/images/{image['id']}/file").data
    assert archive(script, project["id"], "yolo")["images/cat.png"] == file
    coco = archive(script, project["id"], "coco", "&images=true")
    (annotation,) = json.loads(coco["annotations.json"])["annotations"]
    assert annotation["image_id"] == image["id"]
    split = archive(script, project["id"], "coco", "&images=true&split=50/50")
    listed = [
        [
            f"images/{part}/{entry['file_name']}"
            for entry in json.loads(split[f"annotations/instances_{part}.json"])["images"]
        ]
        for part in ("train", "val")
    ]
    assert sorted(path for of_part in listed for path in of_part) == sorted(
        name for name in split if name.startswith("images/")
    )
    assert all(listed)
    for query in ("format=sa1b&images=true", "split=80/20", "format=yolo&split=80/30", "format=yolo&split=0/100"):
        answer = script.get(f"/api/v1/projects/{project['id']}/export?{query}")
        assert (answer.status_code, bool(answer.json["error"]["hint"])) == (422, True)


def test_sa1b_comes_back_identical(
    script: FlaskClient, project: Json, image: Json, upload: Upload, services: Services
) -> None:
    made = annotate(script, image, project["categories"][0]["id"])
    other = script.post("/api/v1/projects", json={"name": "Copy"}).json
    twin = upload(png_bytes(48, 64), project_id=other["id"])["image"]
    report = import_files(
        services.database, other["id"], of_bytes(archive(script, project["id"], "sa1b").items()), form="sa1b"
    )
    assert (report.annotations, report.skipped) == (1, [])
    copied = script.get(f"/api/v1/images/{twin['id']}/annotations").json["annotations"]
    assert [a["segmentation"] for a in copied] == [made["segmentation"]]


def test_a_label_map_shows_the_mask(script: FlaskClient, project: Json, image: Json) -> None:
    annotate(script, image, project["categories"][0]["id"])
    classes = np.asarray(Image.open(io.BytesIO(archive(script, project["id"], "png")["classes/cat.png"])))
    expected = mask_rle()
    assert dict(rle.encode(classes == 1)) == expected


def test_yolo_draws_the_same_pixels(script: FlaskClient, project: Json, image: Json) -> None:
    mask = np.zeros((48, 64), np.bool_)
    mask[10:20, 8:40] = True
    mask[12:15, 10:12] = False
    body = {
        "operation_id": new_uid(),
        "operation": {
            "kind": "create",
            "uid": new_uid(),
            "category_id": project["categories"][0]["id"],
            "segmentation": rle.encode(mask),
        },
    }
    assert (
        script.post(f"/api/v1/images/{image['id']}/operations", json=body, headers={"If-Match": '"0"'}).status_code
        == 200
    )
    (line,) = archive(script, project["id"], "yolo")["labels/cat.txt"].decode().splitlines()
    number, *shares = line.split()
    corners = [float(share) * (48 if index % 2 else 64) for index, share in enumerate(shares)]
    assert number == "0"
    assert rle.from_polygons([corners], (48, 64)) == rle.encode(mask)


def test_coco_is_the_default(script: FlaskClient, project: Json, image: Json) -> None:
    annotate(script, image, None)
    address = f"/api/v1/projects/{project['id']}/export"
    assert script.get(address).data == script.get(f"{address}?format=coco&segmentation=rle").data
    assert [entry["file_name"] for entry in script.get(address).json["images"]] == ["cat.png"]


def test_skipped_images_stay_behind_on_request(script: FlaskClient, project: Json, image: Json, upload: Upload) -> None:
    upload(png_bytes(seed=5), "dog.png")
    assert send(script, image["id"], 0, "skipped", "blurry").status_code == 200
    assert set(archive(script, project["id"], "sa1b", "")) == {"cat.json", "dog.json"}
    assert set(archive(script, project["id"], "sa1b", "&skipped=false")) == {"dog.json"}
    document = json.loads(script.get(f"/api/v1/projects/{project['id']}/export?skipped=false").data)
    assert [entry["file_name"] for entry in document["images"]] == ["dog.png"]


def test_errors_name_what_is_allowed(script: FlaskClient, project: Json) -> None:
    address = f"/api/v1/projects/{project['id']}/export"
    refused = script.get(f"{address}?format=svg")
    assert refused.status_code == 422
    for form in ("coco", *FOLDER_FORMATS):
        assert form in refused.json["error"]["hint"]
    assert "COCO only" in script.get(f"{address}?format=yolo&segmentation=rle").json["error"]["hint"]
    assert script.get("/api/v1/projects/999/export?format=png").status_code == 404


def test_an_archive_is_streamed(script: FlaskClient, project: Json, upload: Upload) -> None:
    for seed in range(3):
        upload(png_bytes(seed=seed), f"{seed}.png")
    answer = script.get(f"/api/v1/projects/{project['id']}/export?format=png", buffered=False)
    assert answer.is_streamed
    chunks = list(answer.response)
    assert len(chunks) >= 7  # two files for each image, and one for all
    answer.close()
