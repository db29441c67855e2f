"""Several people on one image, over HTTP: nobody meets the others' work, figures of agreement, and settling it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from limner.access import ProjectRole
from limner.jobs.overlap import compare_submitted
from limner.jobs.statistics import count_changes
from limner.service.wiring import Services
from limner.store.tables import Image, OverlapAnswer, OverlapPair, Project
from tests.api.conftest import BOTH_DATABASES, HEIGHT, WIDTH, Upload, creation
from tests.api.persons import Box, Person, box, draw, everything_said, mark, send
from tests.conftest import png_bytes

pytestmark = BOTH_DATABASES

CAT, CAT_LOWER, DOG, SPOT = (4, 4, 20, 20), (4, 6, 20, 20), (34, 10, 20, 30), (0, 40, 8, 8)


@pytest.fixture
def categories(script: FlaskClient, project: dict[str, Any]) -> tuple[int, int]:
    dog = script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": "dog"}).json
    return project["categories"][0]["id"], dog["id"]


@pytest.fixture
def shared(script: FlaskClient, project: dict[str, Any], upload: Upload) -> int:
    """The only image of a project of whose images two people annotate each."""
    path = f"/api/v1/projects/{project['id']}"
    assert script.patch(path, json={"overlap_share": 1}).json["overlap_share"] == 1
    number: int = upload(png_bytes(HEIGHT, WIDTH, seed=1), "shared.png")["image"]["id"]
    return number


def person(app: APIFlask, services: Services, project: dict[str, Any], name: str, role: ProjectRole) -> Person:
    return Person(app, services, project["id"], name, role)


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Ada", ProjectRole.ANNOTATOR)


@pytest.fixture
def bo(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Bo", ProjectRole.ANNOTATOR)


@pytest.fixture
def mia(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Mia", ProjectRole.MANAGER)


@pytest.fixture
def rex(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Rex", ProjectRole.REVIEWER)


def answer(who: Person, *masks: tuple[int | None, Box]) -> int:
    """The number of a copy on which somebody drew these masks and which they submitted."""
    copy = who.next()
    assert copy is not None
    for category, where in masks:
        draw(who.client, copy, category, where)
    assert mark(who.client, copy, "submitted").status_code == 200
    return copy


@pytest.fixture
def answered(ada: Person, bo: Person, shared: int, categories: tuple[int, int], services: Services) -> int:
    """Both marked the cat, Bo two pixels lower and as a dog; Ada alone marked the dog, Bo alone a spot."""
    cat, dog = categories
    answer(ada, (cat, CAT), (dog, DOG))
    answer(bo, (dog, CAT_LOWER), (cat, SPOT))
    assert compare_submitted(services.database) == 2
    assert compare_submitted(services.database) == 0
    return shared


def compared(who: Person, image_id: int) -> Any:
    found = who.get(f"images/{image_id}/overlap")
    assert found.status_code == 200, found.json
    return found.json


def settlement(seen: dict[str, Any], masks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    copies = [{"copy_id": each["copy_id"], "revision": each["revision"]} for each in seen["answers"]]
    return {"revision": seen["revision"], "seen": copies, "masks": masks, **more}


def settle(who: Person, image_id: int, body: dict[str, Any]) -> Any:
    return who.client.put(f"/api/v1/images/{image_id}/overlap", json=body)


def consensus_of(seen: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"annotations": [mask["id"] for mask in thing["masks"]], "category_id": thing["category_id"]}
        for thing in seen["things"]
    ]


def test_each_is_handed_a_copy_that_looks_like_any_other_image(ada: Person, bo: Person, shared: int) -> None:
    copies = [ada.next(), bo.next()]

    assert len({*copies, shared, None}) == 4
    for who, copy in zip((ada, bo), copies, strict=True):
        image = who.get(f"images/{copy}").json
        assert (image["file_name"], image["mark"]["state"], image["overlap"]) == ("shared.png", "waiting", None)
        assert image["project_id"] == int(who.project.rsplit("/", 1)[1])
    assert ada.get(f"images/{copies[1]}").status_code == 404
    assert ada.get(who.project.removeprefix("/api/v1/")).json["overlap_share"] is None


def test_annotators_do_not_meet_the_image_itself_until_it_is_settled(
    ada: Person, bo: Person, mia: Person, rex: Person, answered: int
) -> None:
    for who in (ada, bo):
        assert who.get(f"images/{answered}").status_code == 404
        assert who.listed() == []
        assert who.next() is None
    for who in (mia, rex):
        assert who.listed() == [answered]
        assert who.get(f"images/{answered}").json["overlap"] == "ready"
        assert who.next() is None

    assert settle(rex, answered, settlement(compared(rex, answered), [])).status_code == 200

    assert ada.listed() == [answered]
    assert ada.get(f"images/{answered}").json["mark"]["state"] == "approved"


def test_the_figures_are_those_worked_out_by_hand(mia: Person, ada: Person, rex: Person, answered: int) -> None:
    found = mia.client.get(f"{mia.project}/statistics/agreement").json

    iou = 18 / 22  # of 20 x 20 pixels, two lower
    assert found["images"] == {"open": 0, "begun": 0, "ready": 1, "settled": 0}
    assert found["annotators"] == 2
    everybody = found["everybody"]
    assert (everybody["images"], everybody["matched"], everybody["unmatched"]) == (1, 1, 2)
    assert everybody["quality"] == {"value": pytest.approx(iou / 2), "low": None, "high": None}
    assert everybody["mask_iou"]["value"] == pytest.approx(iou)
    assert 0 < everybody["boundary_iou"]["value"] < iou
    assert (everybody["found"]["value"], everybody["same_category"]["value"]) == (0.5, 0)
    assert found["alpha"] == 0  # one thing, two people, two values: what chance gives
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["kappa"], pair["agreement"]) == ("Ada", "Bo", 0, everybody)
    by_category = {each["name"]: each["agreement"] for each in found["categories"]}
    assert {name: (each["matched"], each["unmatched"]) for name, each in by_category.items()} == {
        "cat": (0, 2),  # Ada's cat, which Bo called a dog, and the spot
        "dog": (0, 2),
    }
    (listed,) = rex.client.get(f"{rex.project}/overlap").json["images"]
    assert listed == {
        "image_id": answered,
        "file_name": "shared.png",
        "overlap": "ready",
        "answers": 2,
        "quality": pytest.approx(iou / 2),
    }
    (line,) = csv.DictReader(io.StringIO(mia.client.get(f"{mia.project}/statistics/agreement.csv").text))
    assert (line["first"], line["second"], line["matched"], line["only_first"]) == ("Ada", "Bo", "1", "1")
    for who, path in ((ada, "statistics/agreement"), (ada, "overlap"), (rex, "statistics/agreement.csv")):
        assert who.client.get(f"{who.project}/{path}").status_code == 403


def test_an_answer_that_is_changed_or_taken_back_is_compared_again(
    ada: Person, bo: Person, mia: Person, shared: int, categories: tuple[int, int], services: Services
) -> None:
    first = answer(ada, (categories[0], CAT))
    second = answer(bo, (categories[0], CAT_LOWER))
    compare_submitted(services.database)
    draw(ada.client, first, categories[1], DOG)
    assert compare_submitted(services.database) == 1
    everybody = mia.client.get(f"{mia.project}/statistics/agreement").json["everybody"]
    assert (everybody["matched"], everybody["unmatched"]) == (1, 1)

    assert mark(bo.client, second, "waiting").status_code == 200
    assert compare_submitted(services.database) == 1

    found = mia.client.get(f"{mia.project}/statistics/agreement").json
    assert (found["images"]["begun"], found["images"]["ready"], found["pairs"]) == (1, 0, [])


def test_things_on_which_people_do_not_agree_come_first(
    rex: Person, answered: int, categories: tuple[int, int]
) -> None:
    found = compared(rex, answered)

    assert [(each["name"], each["masks"], each["skipped"]) for each in found["answers"]] == [
        ("Ada", 2, False),
        ("Bo", 2, False),
    ]
    alone, other, both = found["things"]
    assert [len(thing["masks"]) for thing in found["things"]] == [1, 1, 2]
    assert {alone["category_id"], other["category_id"]} == set(categories)
    assert (alone["iou"], alone["agreed"], both["agreed"]) == (None, False, False)
    assert both["iou"] == pytest.approx(18 / 22)
    assert both["consensus"] == box(4, 5, 20, 20)  # one pixel lower than Ada's, one higher than Bo's


def test_the_consensus_becomes_what_is_on_the_image_in_one_step_that_can_be_taken_back(
    rex: Person, mia: Person, answered: int, categories: tuple[int, int], services: Services
) -> None:
    cat, _ = categories
    found = compared(rex, answered)
    thing = found["things"][2]
    chosen = [{"annotations": [mask["id"] for mask in thing["masks"]], "category_id": cat}]
    assert settle(rex, answered, settlement(found, chosen)).json == {"revision": 2}

    image = mia.get(f"images/{answered}").json
    assert (image["overlap"], image["mark"]["state"], image["mark"]["by"]) == ("settled", "approved", "Rex")
    (annotation,) = mia.get(f"images/{answered}/annotations").json["annotations"]
    assert (annotation["category_id"], annotation["segmentation"]) == (cat, thing["consensus"])
    changes = mia.get(f"images/{answered}/history").json["changes"]
    assert {change["by"] for change in changes} == {"Rex"}
    (step,) = rex.get(f"images/{answered}/steps").json["done"]
    assert [operation["kind"] for operation in step["operations"]] == ["create"]
    assert mia.client.get(f"{mia.project}/statistics/agreement").json["everybody"]["matched"] == 1  # stays


def test_an_image_can_be_settled_again_with_one_persons_masks(
    rex: Person, answered: int, categories: tuple[int, int]
) -> None:
    settle(rex, answered, settlement(compared(rex, answered), consensus_of(compared(rex, answered))))
    found = compared(rex, answered)
    bo = found["answers"][1]["user_id"]
    masks = [
        {"annotations": [mask["id"]], "category_id": mask["category_id"]}
        for thing in found["things"]
        for mask in thing["masks"]
        if mask["user_id"] == bo
    ]
    assert settle(rex, answered, settlement(found, masks, state="submitted")).status_code == 200

    there = rex.get(f"images/{answered}/annotations").json["annotations"]
    assert [each["segmentation"] for each in there] == [box(*SPOT), box(*CAT_LOWER)]
    assert rex.get(f"images/{answered}").json["mark"]["state"] == "submitted"


def test_what_changed_meanwhile_is_not_settled(ada: Person, rex: Person, mia: Person, answered: int) -> None:
    seen = compared(rex, answered)
    body = settlement(seen, consensus_of(seen))
    assert settle(rex, answered, {**body, "revision": 7}).status_code == 412
    assert settle(mia, answered, body).status_code == 200
    late = settle(rex, answered, body)
    assert (late.status_code, late.json["error"]["details"]) == (412, {"revision": 4})


@pytest.mark.parametrize("wrong", ["another image's mask", "twice", "unknown category"])
def test_a_settlement_that_cannot_be_is_refused_and_nothing_is_written(
    rex: Person, answered: int, upload: Upload, script: FlaskClient, wrong: str
) -> None:
    seen = compared(rex, answered)
    masks = consensus_of(seen)
    if wrong == "twice":
        masks += masks
    elif wrong == "unknown category":
        masks[0]["category_id"] = 4711
    else:
        masks[0]["annotations"] = [4711]
    assert settle(rex, answered, settlement(seen, masks)).status_code == 422
    assert compared(rex, answered)["overlap"] == "ready"
    assert rex.get(f"images/{answered}/annotations").json["annotations"] == []


def test_only_who_reviews_settles_and_only_what_people_answered(
    ada: Person, rex: Person, shared: int, script: FlaskClient, project: dict[str, Any], upload: Upload
) -> None:
    seen = compared(rex, shared)
    assert (seen["answers"], seen["things"]) == ([], [])
    copies = [{"copy_id": 1, "revision": 1}]
    assert settle(rex, shared, {"revision": 0, "seen": copies, "masks": []}).status_code == 409
    assert settle(ada, shared, {"revision": 0, "seen": copies, "masks": []}).status_code == 404
    script.patch(f"/api/v1/projects/{project['id']}", json={"overlap_share": 0})
    assert rex.get(f"images/{shared}/overlap").status_code == 409


def test_who_skips_is_done_and_says_why(
    ada: Person, bo: Person, rex: Person, mia: Person, shared: int, services: Services
) -> None:
    copy = ada.next()
    mark(ada.client, copy or 0, "skipped", note="too dark")
    answer(bo, (None, CAT))
    compare_submitted(services.database)

    found = compared(rex, shared)

    assert found["overlap"] == "ready"
    assert [(each["skipped"], each["note"], each["masks"]) for each in found["answers"]] == [
        (True, "too dark", 0),
        (False, "", 1),
    ]
    assert mia.client.get(f"{mia.project}/statistics/agreement").json["pairs"] == []


def test_until_it_is_settled_it_is_in_no_figure_or_export_and_then_once(
    ada: Person, bo: Person, mia: Person, shared: int, categories: tuple[int, int], services: Services
) -> None:
    count_changes(services.database)
    before = everything_said(mia)
    answer(ada, (categories[0], CAT))
    answer(bo, (categories[0], CAT))
    compare_submitted(services.database)
    count_changes(services.database)
    after = everything_said(mia)
    for said in (before, after):
        for image in (said["images"]["images"][0], said[f"image {shared}"]):
            assert image.pop("overlap") == ("open" if said is before else "ready")
    assert after == before
    assert after["coco"]["images"] == []

    seen = compared(mia, shared)
    settle(mia, shared, settlement(seen, consensus_of(seen)))
    count_changes(services.database)

    exported = json.loads(mia.client.get(f"{mia.project}/export?format=coco").data)
    assert [image["id"] for image in exported["images"]] == [shared]
    assert len(exported["annotations"]) == 1
    assert mia.client.get(f"{mia.project}/statistics/progress").json["days"][-1]["images"]["approved"] == 1


def test_more_people_wanted_reopens_what_was_ready_and_fewer_make_it_ready(
    app: APIFlask, services: Services, project: dict[str, Any], script: FlaskClient, mia: Person, answered: int
) -> None:
    eve = person(app, services, project, "Eve", ProjectRole.ANNOTATOR)
    assert eve.next() is None
    path = f"/api/v1/projects/{project['id']}"
    script.patch(path, json={"overlap_people": 3})
    assert mia.get(f"images/{answered}").json["overlap"] == "begun"
    assert eve.next() is not None
    script.patch(path, json={"overlap_people": 2})
    assert mia.get(f"images/{answered}").json["overlap"] == "ready"
    for wrong in ({"overlap_people": 1}, {"overlap_people": 11}, {"overlap_share": 1.5}, {"overlap_share": "all"}):
        assert script.patch(path, json=wrong).status_code == 422


def test_annotations_that_are_imported_take_an_image_out_of_the_overlap(
    script: FlaskClient, ada: Person, mia: Person, shared: int
) -> None:
    assert send(script, shared, creation(None)).status_code in (200, 201)

    assert mia.get(f"images/{shared}").json["overlap"] == "settled"
    assert ada.get(f"images/{shared}").status_code == 200
    assert mia.client.get(f"{mia.project}/overlap").json == {"images": [], "total": 0}


def test_answers_and_figures_go_with_the_image_and_with_the_project(
    script: FlaskClient, ada: Person, mia: Person, answered: int, services: Services
) -> None:
    assert script.delete(f"/api/v1/images/{answered}").status_code == 204
    assert compare_submitted(services.database) == 0
    assert mia.client.get(f"{mia.project}/overlap").json["total"] == 0
    assert mia.client.get(f"{mia.project}/statistics/agreement").json["pairs"] == []

    assert script.delete(ada.project).status_code == 204
    with services.database.read() as session:
        for table in (Image, Project, OverlapAnswer, OverlapPair):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table
