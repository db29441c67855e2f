"""The trash of a project: what is in it is nowhere else, comes back as it was, and goes for good."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from limner.access import ProjectRole
from limner.jobs.gold import score_submitted
from limner.jobs.statistics import count_changes
from limner.jobs.sweep import sweep
from limner.jobs.trash import delete_expired
from limner.service.wiring import Services
from limner.store.tables import Annotation, Edit, Image, Project
from limner.store.types import utc_now
from tests.api.conftest import HEIGHT, WIDTH, Upload, creation, stored_files
from tests.api.test_gold import Person, everything_said, mark, send
from tests.conftest import png_bytes

MONTH = timedelta(days=31)


@pytest.fixture
def images(upload: Upload) -> list[int]:
    """Three images: a, b and c."""
    return [
        upload(png_bytes(HEIGHT, WIDTH, seed=seed), f"{name}.png")["image"]["id"] for seed, name in enumerate("abc")
    ]


@pytest.fixture
def path(project: dict[str, Any]) -> str:
    return f"/api/v1/projects/{project['id']}"


@pytest.fixture
def mia(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return Person(app, services, project["id"], "Mia", ProjectRole.MANAGER)


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return Person(app, services, project["id"], "Ada", ProjectRole.ANNOTATOR)


def annotate(client: FlaskClient, image_id: int, category_id: int | None = None) -> str:
    answer = send(client, image_id, creation(category_id))
    assert answer.status_code == 200, answer.json
    return str(answer.json["annotation"]["uid"])


def trash(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"{path}/trash").json
    assert answer["total"] == len(answer["images"])
    return list(answer["images"])


def restore(client: FlaskClient, path: str, *image_ids: int) -> dict[str, Any]:
    answer = client.post(f"{path}/trash/restore", json={"image_ids": list(image_ids) or None})
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def test_an_image_in_the_trash_is_in_no_list_count_figure_or_export(
    ada: Person, mia: Person, services: Services, upload: Upload, images: list[int], project: dict[str, Any], path: str
) -> None:
    category = project["categories"][0]["id"]
    annotate(ada.client, images[0], category)
    mark(ada.client, images[0], "submitted")
    count_changes(services.database)
    before = everything_said(mia)

    doomed = upload(png_bytes(HEIGHT, WIDTH, seed=9), "doomed/d.png")["image"]["id"]
    annotate(ada.client, doomed, category)
    mark(ada.client, doomed, "submitted")
    mia.client.post(f"/api/v1/images/{doomed}/comments", json={"uid": f"{1:08}-0000-4000-8000-{1:012}", "text": "?"})
    count_changes(services.database)
    assert everything_said(mia) != before
    assert mia.client.delete(f"/api/v1/images/{doomed}").status_code == 204
    count_changes(services.database)

    assert everything_said(mia) == before
    with services.database.read() as session:  # and yet nothing of it is lost
        assert session.scalar(select(func.count(Annotation.id)).where(Annotation.image_id == doomed)) == 1
        assert session.scalar(select(func.count(Edit.id)).where(Edit.image_id == doomed)) == 2


def test_an_image_in_the_trash_does_not_exist_whatever_is_asked_about_it(
    script: FlaskClient, mia: Person, ada: Person, images: list[int], path: str
) -> None:
    uid = annotate(script, images[0])
    script.delete(f"/api/v1/images/{images[0]}")
    for client in (script, mia.client, ada.client):
        for address in ("", "/file", "/thumbnail", "/annotations", "/history", "/steps", "/comments", "/suggestions"):
            assert client.get(f"/api/v1/images/{images[0]}{address}").status_code == 404, address
        assert client.delete(f"/api/v1/images/{images[0]}").status_code == 404
        assert client.get(f"/api/v1/annotations/{uid}/history").status_code == 404
        body = creation()
        sent = client.post(f"/api/v1/images/{images[0]}/operations", json=body, headers={"If-Match": '"1"'})
        assert sent.status_code == 404
        assert client.get(f"{path}/verification").json.get("masks", []) == []
    assert ada.next() == images[1]


def test_what_is_restored_is_as_it_was(
    script: FlaskClient, mia: Person, services: Services, images: list[int], project: dict[str, Any], path: str
) -> None:
    annotate(mia.client, images[1], project["categories"][0]["id"])
    mark(mia.client, images[1], "submitted")
    count_changes(services.database)
    before = everything_said(mia)
    annotations = mia.client.get(f"/api/v1/images/{images[1]}/annotations").json
    mia.client.delete(f"/api/v1/images/{images[1]}")
    (waiting,) = trash(mia.client, path)
    assert (waiting["id"], waiting["file_name"], waiting["annotation_count"]) == (images[1], "b.png", 1)
    assert waiting["by"] == "Mia"
    assert mia.client.get(f"{path}/trash/{images[1]}/thumbnail").mimetype == "image/webp"
    assert mia.client.get(f"{path}/trash/{images[0]}/thumbnail").status_code == 404
    assert restore(mia.client, path, images[1]) == {"done": [images[1]], "refused": [], "next": None}
    count_changes(services.database)
    assert everything_said(mia) == before
    assert mia.client.get(f"/api/v1/images/{images[1]}/annotations").json == annotations
    assert trash(mia.client, path) == []


@pytest.mark.parametrize("counted", [True, False])
def test_figures_hold_when_an_image_comes_back_before_its_absence_was_counted(
    mia: Person, services: Services, images: list[int], project: dict[str, Any], path: str, counted: bool
) -> None:
    annotate(mia.client, images[0], project["categories"][0]["id"])
    if counted:
        count_changes(services.database)
    mia.client.delete(f"/api/v1/images/{images[0]}")
    restore(mia.client, path, images[0])
    count_changes(services.database)
    groups = mia.client.get(f"{path}/statistics/effort?by=person").json["groups"]
    assert [group["masks"] for group in groups] == [1]


def test_a_name_that_was_taken_meanwhile_gets_a_number(
    script: FlaskClient, upload: Upload, images: list[int], path: str
) -> None:
    script.delete(f"/api/v1/images/{images[0]}")
    second = upload(png_bytes(HEIGHT, WIDTH, seed=7), "a.png")["image"]
    assert second["file_name"] == "a.png"
    script.delete(f"/api/v1/images/{second['id']}")  # two of a name are in the trash, both under it
    assert [each["file_name"] for each in trash(script, path)] == ["a.png", "a.png"]
    restore(script, path)
    names = {each["id"]: each["file_name"] for each in script.get(f"{path}/images").json["images"]}
    assert (names[images[0]], names[second["id"]]) == ("a.png", "a-2.png")


def test_who_brings_the_same_file_again_gets_the_image_back_and_is_told(
    script: FlaskClient, upload: Upload, images: list[int], path: str
) -> None:
    annotate(script, images[0])
    script.delete(f"/api/v1/images/{images[0]}")
    again = upload(png_bytes(HEIGHT, WIDTH, seed=0), "other name.png")
    assert (again["status"], again["image"]["id"], again["image"]["file_name"]) == ("created", images[0], "a.png")
    assert again["notes"] == ["It was in the trash, and is back as a.png with all that is on it: 1 mask."]
    assert trash(script, path) == []
    elsewhere = script.post("/api/v1/projects", json={"name": "Other"}).json["id"]
    script.delete(f"/api/v1/images/{images[0]}")
    assert upload(png_bytes(HEIGHT, WIDTH, seed=0), "a.png", elsewhere)["image"]["id"] != images[0]
    assert [each["id"] for each in trash(script, path)] == [images[0]]


def test_the_trash_is_emptied_at_once_or_after_thirty_days(
    script: FlaskClient, services: Services, images: list[int], path: str
) -> None:
    for image_id in images:
        annotate(script, image_id)
        script.delete(f"/api/v1/images/{image_id}")
    address = f"{path}/trash/delete"
    assert script.post(address, json={"image_ids": [images[0]]}).json["done"] == [images[0]]
    missing = script.post(address, json={"image_ids": images[:2]}).json
    assert missing["done"] == [images[1]]
    (refused,) = missing["refused"]
    assert (refused["image_ids"], refused["error"]["code"]) == ([images[0]], "not_found")
    assert delete_expired(services.database, utc_now() + timedelta(days=29)) == 0
    assert delete_expired(services.database, utc_now() + MONTH) == 1
    assert trash(script, path) == []
    with services.database.read() as session:
        assert session.scalar(select(func.count(Image.id))) == session.scalar(select(func.count(Annotation.id))) == 0
    assert len(stored_files(services.settings)) == 9
    sweep(services.database, services.blobs, "test", now=utc_now() + 2 * MONTH)
    assert stored_files(services.settings) == set()


def test_many_are_restored_in_turns_and_asked_for_again_where_it_stopped(
    script: FlaskClient, images: list[int], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.service.turns.SECONDS", 0.0)  # one turn a request
    monkeypatch.setattr("limner.service.turns.MOST_AT_ONCE", 2)
    for image_id in images:
        script.delete(f"/api/v1/images/{image_id}")
    first = restore(script, path)
    assert first == {"done": images[:2], "refused": [], "next": images[1]}
    rest = script.post(f"{path}/trash/restore", json={"image_ids": None, "after": first["next"]}).json
    assert rest == {"done": images[2:], "refused": [], "next": None}


def test_who_may_not_delete_images_does_not_see_the_trash(ada: Person, images: list[int], path: str) -> None:
    for answer in (
        ada.client.get(f"{path}/trash"),
        ada.client.post(f"{path}/trash/restore", json={"image_ids": None}),
        ada.client.post(f"{path}/trash/delete", json={"image_ids": None}),
        ada.client.delete(f"/api/v1/images/{images[0]}"),
    ):
        assert answer.status_code == 403


def test_work_on_copies_of_a_gold_image_goes_into_the_trash_and_comes_back_with_it(
    script: FlaskClient, ada: Person, mia: Person, services: Services, images: list[int], path: str
) -> None:
    mark(script, images[0], "submitted")
    script.put(f"{path}/gold", json={"image_ids": [images[0]], "gold": True})
    script.patch(path, json={"gold_share": 1})
    copy = ada.next()
    assert copy is not None
    assert copy not in images
    mark(ada.client, copy, "submitted")
    script.delete(f"/api/v1/images/{images[0]}")
    assert score_submitted(services.database) == 0
    assert ada.get(f"images/{copy}").status_code == 404
    assert mia.client.get(f"{path}/statistics/gold").json == {"images": 0, "people": []}
    restore(script, path, images[0])
    score_submitted(services.database)
    assert ada.get(f"images/{copy}").status_code == 200
    figures = mia.client.get(f"{path}/statistics/gold").json
    assert (figures["images"], [each["name"] for each in figures["people"]]) == (1, ["Ada"])


def test_a_project_goes_with_its_trash(script: FlaskClient, services: Services, images: list[int], path: str) -> None:
    script.delete(f"/api/v1/images/{images[0]}")
    assert [each["name"] for each in script.get("/api/v1/projects").json["projects"]] == ["Cats"]
    with services.database.read() as session:
        hidden = session.scalar(select(Project.id).where(Project.trash_of.is_not(None)))
    assert script.get(f"/api/v1/projects/{hidden}").status_code == 404
    assert script.delete(path).status_code == 204
    with services.database.read() as session:
        assert session.scalar(select(func.count(Image.id))) == session.scalar(select(func.count(Project.id))) == 0
    sweep(services.database, services.blobs, "test", now=utc_now() + MONTH)
    assert stored_files(services.settings) == set()


def test_masks_in_the_trash_do_not_keep_a_category(
    script: FlaskClient, images: list[int], project: dict[str, Any], path: str
) -> None:
    category = project["categories"][0]["id"]
    annotate(script, images[0], category)
    script.delete(f"/api/v1/images/{images[0]}")
    assert script.get(path).json["categories"][0]["annotation_count"] == 0
    assert script.delete(f"/api/v1/categories/{category}").status_code == 204
    restore(script, path)
    (annotation,) = script.get(f"/api/v1/images/{images[0]}/annotations").json["annotations"]
    assert annotation["category_id"] is None


def test_deleting_and_restoring_is_in_the_audit_log(script: FlaskClient, images: list[int], path: str) -> None:
    script.delete(f"/api/v1/images/{images[0]}")
    restore(script, path)
    script.delete(f"/api/v1/images/{images[0]}")
    script.post(f"{path}/trash/delete", json={"image_ids": None})
    entries = script.get("/api/v1/audit").json["entries"][:4]
    assert [each["action"] for each in entries] == [
        "image.delete_for_good",
        "image.delete",
        "image.restore",
        "image.delete",
    ]
    assert {json.dumps(each["details"]) for each in entries} == {'{"name": "a.png"}'}
