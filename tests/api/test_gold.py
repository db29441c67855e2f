"""Gold images over HTTP: handed out unannounced as copies, scored, and never met anywhere else."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from limner.access import ProjectRole
from limner.jobs.gold import score_submitted
from limner.jobs.statistics import count_changes
from limner.service.wiring import Services
from limner.store.people import remove_member
from limner.store.tables import GoldReference, GoldScore, Image, Project
from tests.api.conftest import BOTH_DATABASES, HEIGHT, WIDTH, Upload, creation
from tests.api.persons import Person, draw, everything_said, mark, send
from tests.conftest import png_bytes

pytestmark = BOTH_DATABASES

CAT, DOG = (4, 4, 20, 20), (34, 10, 20, 30)


@pytest.fixture
def categories(script: FlaskClient, project: dict[str, Any]) -> tuple[int, int]:
    dog = script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": "dog"}).json
    return project["categories"][0]["id"], dog["id"]


@pytest.fixture
def gold(script: FlaskClient, project: dict[str, Any], upload: Upload, categories: tuple[int, int]) -> int:
    """A gold image with a cat and a dog, of a project where every image that is handed out is gold."""
    image_id: int = upload(png_bytes(HEIGHT, WIDTH, seed=1), "gold.png")["image"]["id"]
    draw(script, image_id, categories[0], CAT)
    draw(script, image_id, categories[1], DOG)
    mark(script, image_id, "submitted")
    path = f"/api/v1/projects/{project['id']}"
    assert script.put(f"{path}/gold", json={"image_ids": [image_id], "gold": True}).json == {"changed": 1}
    assert script.patch(path, json={"gold_share": 1}).json["gold_share"] == 1
    return image_id


@pytest.fixture
def other(upload: Upload) -> int:
    number: int = upload(png_bytes(HEIGHT, WIDTH, seed=2), "other.png")["image"]["id"]
    return number


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return Person(app, services, project["id"], "Ada", ProjectRole.ANNOTATOR)


@pytest.fixture
def eve(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return Person(app, services, project["id"], "Eve", ProjectRole.ANNOTATOR)


@pytest.fixture
def mia(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return Person(app, services, project["id"], "Mia", ProjectRole.MANAGER)


def submitted(person: Person, categories: tuple[int, int]) -> int:
    """The number of a copy on which somebody called the cat a dog, missed the dog, and drew what is not there."""
    copy = person.next()
    assert copy is not None
    draw(person.client, copy, categories[1], CAT)
    draw(person.client, copy, categories[0], (0, 40, 8, 8))
    assert mark(person.client, copy, "submitted").status_code == 200
    return copy


def test_a_copy_looks_like_any_other_image_and_is_empty(ada: Person, gold: int, other: int) -> None:
    copy = ada.next()

    assert copy not in (gold, other, None)
    image = ada.get(f"images/{copy}").json
    assert image["file_name"] == "gold.png"
    assert image["project_id"] == int(ada.project.rsplit("/", 1)[1])
    assert (image["mark"]["state"], image["annotation_count"], image["revision"]) == ("waiting", 0, 0)
    assert image["work"]["held_by"] == "Ada"
    assert image["gold"] is False
    assert ada.get(f"images/{copy}/annotations").json["annotations"] == []
    assert ada.get(f"images/{copy}/history").json["changes"] == []
    for file in ("file", "thumbnail"):
        assert ada.get(f"images/{copy}/{file}").status_code == ada.get(f"images/{other}/{file}").status_code


def test_who_is_measured_does_not_meet_the_reference(ada: Person, gold: int, other: int, mia: Person) -> None:
    missing = ada.get("images/1000").json["error"]["message"].replace("1000", str(gold))
    for path in ("", "/annotations", "/history", "/file", "/comments", "/suggestions", "/embedding"):
        answer = ada.get(f"images/{gold}{path}")
        assert (answer.status_code, answer.json["error"]["message"]) == (404, missing), path
    assert ada.listed() == [other]
    assert ada.listed(state="submitted") == ada.listed(search="gold") == []
    assert ada.listed(state="gold") == []
    assert mia.listed(state="gold") == [gold]
    assert mia.listed() == [gold, other]
    assert mia.get(f"images/{gold}").json["gold"] is True
    assert ada.get(f"projects/{ada.project.rsplit('/', 1)[1]}").json["gold_share"] is None


def test_a_copy_is_there_for_its_person_alone(ada: Person, eve: Person, mia: Person, gold: int) -> None:
    copy = ada.next()

    assert eve.get(f"images/{copy}").status_code == 404
    assert send(ada.client, copy or 0, creation(None)).status_code in (200, 201)
    assert mia.get(f"images/{copy}").json["permissions"] == ["project:view"]  # who reads everybody's figures may look
    assert ada.get(f"images/{copy}").json["permissions"] == ["annotations:write", "comments:write", "project:view"]
    assert mark(mia.client, copy or 0, "submitted").status_code == 403
    assert mark(ada.client, copy or 0, "approved").status_code == 403
    assert eve.next() not in (copy, gold, None)


def test_who_manages_or_reviews_is_handed_no_gold(
    app: APIFlask, services: Services, project: dict[str, Any], mia: Person, gold: int, other: int
) -> None:
    rex = Person(app, services, project["id"], "Rex", ProjectRole.REVIEWER)

    assert mia.next() == other
    assert rex.next() in (other, None)


def test_a_gold_image_is_handed_to_each_person_once(
    ada: Person, eve: Person, gold: int, other: int, categories: tuple[int, int]
) -> None:
    first = ada.next()
    assert ada.next() == first  # begun, not done
    assert submitted(ada, categories) == first
    assert ada.next(first) == other
    assert eve.next() not in (first, other, None)


def test_the_share_says_how_many_are_gold(
    script: FlaskClient, project: dict[str, Any], ada: Person, gold: int, other: int
) -> None:
    script.patch(f"/api/v1/projects/{project['id']}", json={"gold_share": 0})
    assert ada.next() == other
    for share in (-0.1, 1.1, "many"):
        assert script.patch(f"/api/v1/projects/{project['id']}", json={"gold_share": share}).status_code == 422


def test_submitted_work_is_scored_against_the_reference(
    ada: Person, mia: Person, services: Services, gold: int, categories: tuple[int, int]
) -> None:
    submitted(ada, categories)
    assert score_submitted(services.database) == 1
    assert score_submitted(services.database) == 0

    figures = mia.client.get(f"{mia.project}/statistics/gold").json
    assert figures["images"] == 1
    (of_ada,) = figures["people"]
    assert of_ada == {
        "user_id": ada.id,
        "name": "Ada",
        "images": 1,
        "matched": 1,
        "missed": 1,
        "extra": 1,
        "mask_iou": 1,
        "boundary_iou": 1,
        "same_category": 0,
        "kappa": 0,
    }
    assert ada.client.get(f"{ada.project}/statistics/own").json["gold"] == of_ada
    assert ada.client.get(f"{ada.project}/statistics/gold").status_code == 403
    assert mia.client.get(f"{mia.project}/statistics/own").json["gold"] is None
    (line,) = csv.DictReader(io.StringIO(mia.client.get(f"{mia.project}/statistics/gold.csv").text))
    assert line["person"] == "Ada"
    assert (line["image_id"], line["matched"], line["missed"], line["extra"]) == (str(gold), "1", "1", "1")


def test_who_is_measured_sees_everybodys_scores_if_the_project_says_so_but_not_how_many_images_are_gold(
    script: FlaskClient,
    ada: Person,
    eve: Person,
    services: Services,
    gold: int,
    categories: tuple[int, int],
) -> None:
    submitted(ada, categories)
    assert score_submitted(services.database) == 1
    assert script.patch(ada.project, json={"shares_figures": True}).status_code == 200
    all_of_it, hers = (client.get(f"{ada.project}/statistics/gold").json for client in (script, eve.client))
    assert (all_of_it["images"], hers["images"]) == (1, None)
    assert [each["name"] for each in hers["people"]] == ["Ada"]
    assert hers["people"] == all_of_it["people"]
    assert eve.client.get(f"{ada.project}/statistics/gold.csv").status_code == 403
    assert eve.get(f"images/{gold}").status_code == 404


def test_work_that_is_submitted_again_is_scored_again(
    ada: Person, mia: Person, services: Services, gold: int, categories: tuple[int, int]
) -> None:
    copy = submitted(ada, categories)
    score_submitted(services.database)
    draw(ada.client, copy, categories[1], (34, 10, 20, 15))  # the upper half of the dog
    assert mark(ada.client, copy, "submitted").status_code == 200
    assert score_submitted(services.database) == 1

    (of_ada,) = mia.client.get(f"{mia.project}/statistics/gold").json["people"]
    assert (of_ada["matched"], of_ada["missed"], of_ada["extra"]) == (2, 0, 1)
    assert of_ada["mask_iou"] == pytest.approx((1 + 0.5) / 2)
    assert 0 < of_ada["boundary_iou"] < 1


def test_the_reference_is_what_the_image_was_when_it_became_gold(
    script: FlaskClient, ada: Person, mia: Person, services: Services, gold: int, categories: tuple[int, int]
) -> None:
    submitted(ada, categories)
    draw(script, gold, categories[0], (0, 40, 8, 8))
    score_submitted(services.database)

    (of_ada,) = mia.client.get(f"{mia.project}/statistics/gold").json["people"]
    assert (of_ada["matched"], of_ada["extra"]) == (1, 1)


def test_work_on_copies_is_in_no_list_count_figure_or_export(
    ada: Person, eve: Person, mia: Person, services: Services, gold: int, other: int, categories: tuple[int, int]
) -> None:
    count_changes(services.database)
    before = everything_said(mia)
    seen_before = ada.listed()

    submitted(ada, categories)
    eve.next()
    score_submitted(services.database)
    count_changes(services.database)

    assert everything_said(mia) == before
    assert ada.listed() == seen_before
    assert ada.get("projects").json["projects"][0]["name"] == "Cats"
    assert len(ada.get("projects").json["projects"]) == 1


def test_the_project_that_holds_copies_cannot_be_reached(
    script: FlaskClient, ada: Person, services: Services, gold: int
) -> None:
    copy = ada.next()
    with services.database.read() as session:
        hidden = session.get_one(Image, copy).project_id
    for client in (script, ada.client):
        for path in ("", "/images", "/jobs", "/members", "/export?format=coco", "/statistics/progress"):
            assert client.get(f"/api/v1/projects/{hidden}{path}").status_code == 404, path


def test_only_finished_images_of_the_project_become_gold(
    script: FlaskClient, mia: Person, ada: Person, gold: int, other: int
) -> None:
    refused = mia.client.put(f"{mia.project}/gold", json={"image_ids": [gold, other], "gold": True})
    assert refused.status_code == 409
    assert f"image {other}" in refused.json["error"]["message"]
    elsewhere = script.post("/api/v1/projects", json={"name": "Dogs"}).json["id"]
    assert script.put(f"/api/v1/projects/{elsewhere}/gold", json={"image_ids": [gold], "gold": True}).status_code == 422
    assert ada.client.put(f"{ada.project}/gold", json={"image_ids": [gold], "gold": False}).status_code == 403


def test_an_image_that_is_gold_no_more_is_an_image_like_any_other(
    mia: Person, ada: Person, services: Services, gold: int, other: int, categories: tuple[int, int]
) -> None:
    submitted(ada, categories)
    score_submitted(services.database)
    assert mia.client.put(f"{mia.project}/gold", json={"image_ids": [gold], "gold": False}).json == {"changed": 1}

    assert ada.listed() == [gold, other]
    assert ada.next() == other
    assert len(mia.client.get(f"{mia.project}/statistics/gold").json["people"]) == 1  # what was scored stays


def test_a_gold_image_that_is_returned_is_work_like_any_other(script: FlaskClient, ada: Person, gold: int) -> None:
    assert mark(script, gold, "returned", to="anyone").status_code == 200

    assert ada.next() == gold
    assert ada.get(f"images/{gold}").json["gold"] is False


def test_copies_go_with_their_image_and_with_their_project(
    script: FlaskClient, ada: Person, eve: Person, services: Services, gold: int, categories: tuple[int, int]
) -> None:
    copies = [submitted(ada, categories), eve.next()]
    score_submitted(services.database)
    assert script.delete(f"/api/v1/images/{gold}").status_code == 204
    assert [ada.get(f"images/{copies[0]}").status_code, eve.get(f"images/{copies[1]}").status_code] == [404, 404]

    assert script.delete(ada.project).status_code == 204
    with services.database.read() as session:
        for table in (Image, Project, GoldReference, GoldScore):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table


def test_who_loses_their_role_loses_their_copies(ada: Person, services: Services, gold: int) -> None:
    copy = ada.next()
    with services.database.write() as session:
        remove_member(session, int(ada.project.rsplit("/", 1)[1]), ada.id)

    assert ada.get(f"images/{copy}").status_code == 404


def test_a_category_that_only_copies_have_can_be_deleted(
    script: FlaskClient, ada: Person, project: dict[str, Any], services: Services, gold: int
) -> None:
    lynx = script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": "lynx"}).json["id"]
    copy = ada.next()
    draw(ada.client, copy or 0, lynx, CAT)
    found = {each["name"]: each["annotation_count"] for each in script.get(ada.project).json["categories"]}
    assert found["lynx"] == 0

    assert script.delete(f"/api/v1/categories/{lynx}").status_code == 204
    (kept,) = ada.get(f"images/{copy}/annotations").json["annotations"]
    assert kept["category_id"] is None
