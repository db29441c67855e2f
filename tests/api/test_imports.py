"""COCO over HTTP; what is in the files is tested with limner.formats."""

import io
import json
import re
from typing import Any

from flask.testing import FlaskClient

from limner.service.wiring import Services
from tests.api.conftest import Upload, creation
from tests.conftest import png_bytes

Json = dict[str, Any]


def annotate(client: FlaskClient, image: Json, category_id: int | None) -> Json:
    answer = client.post(
        f"/api/v1/images/{image['id']}/operations", json=creation(category_id), headers={"If-Match": '"0"'}
    )
    return dict(answer.json["annotation"])


def export(client: FlaskClient, project_id: int, query: str = "") -> Any:
    return client.get(f"/api/v1/projects/{project_id}/export{query}")


def test_an_export_can_be_imported_again(script: FlaskClient, project: Json, image: Json, upload: Upload) -> None:
    made = annotate(script, image, project["categories"][0]["id"])
    answer = export(script, project["id"])
    assert answer.mimetype == "application/json"
    name = answer.headers["Content-Disposition"].removeprefix("attachment; filename=")
    assert re.fullmatch(r"Cats-\d{4}-\d\d-\d\d-coco\.json", name)
    assert answer.json["annotations"][0]["segmentation"] == made["segmentation"]
    assert answer.data == export(script, project["id"]).data

    for form in (False, True):
        other = script.post("/api/v1/projects", json={"name": f"Copy {form}"}).json
        twin = upload(png_bytes(48, 64), project_id=other["id"])["image"]
        without_uids = json.loads(answer.data)
        for annotation in without_uids["annotations"]:
            del annotation["uid"]
        data = json.dumps(without_uids).encode()
        sent: Json = (
            {"data": {"file": (io.BytesIO(data), "coco.json")}}
            if form
            else {"data": data, "content_type": "application/json"}
        )
        report = script.post(f"/api/v1/projects/{other['id']}/import", **sent)
        assert report.status_code == 200, report.json
        assert report.json == {
            "format": "coco",
            "preview": False,
            "categories": 1,
            "images": 1,
            "unmatched": 0,
            "annotations": 1,
            "by_category": [{"category": "cat", "annotations": 1}],
            "statements": 0,
            "tags": 0,
            "skipped": [],
        }
        copied = script.get(f"/api/v1/images/{twin['id']}/annotations").json["annotations"]
        assert [a["segmentation"] for a in copied] == [made["segmentation"]]


def test_polygons_on_request(script: FlaskClient, project: Json, image: Json) -> None:
    annotate(script, image, None)
    polygons = export(script, project["id"], "?segmentation=polygon").json["annotations"][0]["segmentation"]
    assert isinstance(polygons, list)
    assert export(script, project["id"], "?segmentation=svg").status_code == 422
    assert export(script, 999).status_code == 404


def test_a_bad_import_changes_nothing(script: FlaskClient, project: Json, image: Json, services: Services) -> None:
    address = f"/api/v1/projects/{project['id']}/import"
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": {"size": [48, 64], "counts": [1]}}
    file = {
        "images": [{"id": 1, "file_name": image["file_name"], "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "new"}],
        "annotations": [annotation],
    }
    for body in (b"", b"{", b"[]", b"\xff\xfe"):
        answer = script.post(address, data=body, content_type="application/json")
        assert answer.status_code == 422, body
        assert answer.json["error"]["hint"]
    assert script.post(address, data={}, content_type="multipart/form-data").status_code == 422
    assert [c["name"] for c in script.get(f"/api/v1/projects/{project['id']}").json["categories"]] == ["cat"]
    answer = script.post(address, json=file)
    assert (answer.status_code, answer.json["annotations"]) == (200, 0)
    assert [skipped["what"] for skipped in answer.json["skipped"]] == ["annotation 0 (id 1)"]
    assert script.get(f"/api/v1/images/{image['id']}/annotations").json["revision"] == 0
    assert list((services.settings.home / "uploads").iterdir()) == []
