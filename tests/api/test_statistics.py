"""Figures of the work in a project over HTTP."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.jobs.statistics import count_changes
from limner.service.wiring import Services
from tests.api.conftest import creation, new_uid
from tests.api.test_lists import statements
from tests.api.test_work import annotator, mark, user_id
from tests.conftest import TEST_MODEL_SHA256


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> FlaskClient:
    return annotator(app, services, project, "Ada")


def send(client: FlaskClient, image: dict[str, Any], *operations: dict[str, Any]) -> None:
    for operation in operations:
        revision = client.get(f"/api/v1/images/{image['id']}/annotations").json["revision"]
        answer = client.post(
            f"/api/v1/images/{image['id']}/operations", json=operation, headers={"If-Match": f'"{revision}"'}
        )
        assert answer.status_code in (200, 201), answer.json


def provenance(seconds: float, clicks: int) -> dict[str, Any]:
    return {"model_sha256": TEST_MODEL_SHA256, "seconds": seconds, "clicks": clicks}


@pytest.fixture
def worked(
    ada: FlaskClient, script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services
) -> str:
    """Ada makes two masks and submits, it is returned, submitted again, and approved; the address of the figures."""
    cat = project["categories"][0]["id"]
    send(ada, image, creation(cat, provenance=provenance(2.5, 3)), creation(provenance=provenance(1, 1)))
    send(ada, image, mark("submitted"))
    send(script, image, mark("returned", "the tail is missing"))
    send(ada, image, mark("submitted"))
    send(script, image, mark("approved"), {**mark("returned", "the ear too")})
    assert count_changes(services.database) == 1
    return f"/api/v1/projects/{project['id']}/statistics"


def figures(client: FlaskClient, worked: str, by: str, **more: Any) -> list[tuple[Any, ...]]:
    answer = client.get(f"{worked}/effort", query_string={"by": by, **more})
    assert answer.status_code == 200, answer.json
    names = ("name", "masks", "timed", "seconds", "clicked", "clicks")
    return [tuple(group[name] for name in names) for group in answer.json["groups"]]


def test_masks_time_and_clicks_are_told_by_category_person_model_and_day(
    script: FlaskClient, ada: FlaskClient, worked: str
) -> None:
    assert sorted(figures(script, worked, "category")) == [
        ("cat", 1, 1, 2.5, 1, 3),
        ("no category", 1, 1, 1.0, 1, 1),
    ]
    assert figures(script, worked, "person") == [("Ada", 2, 2, 3.5, 2, 4)]
    assert figures(script, worked, "model") == [("Testlet", 2, 2, 3.5, 2, 4)]
    assert figures(script, worked, "day") == [(datetime.now(UTC).date().isoformat(), 2, 2, 3.5, 2, 4)]
    assert figures(script, worked, "category", person=user_id(script)) == []
    assert len(figures(script, worked, "category", person=user_id(ada))) == 2


def test_progress_and_reviews_are_told_with_the_share_that_was_returned(script: FlaskClient, worked: str) -> None:
    progress = script.get(f"{worked}/progress").json
    assert progress["uncounted"] == 0
    assert progress["days"][-1]["images"] == {
        "waiting": 0,
        "submitted": 0,
        "approved": 0,
        "returned": 1,
        "skipped": 0,
    }
    assert progress["forecast"] == {"open": 1, "per_day": 0.0, "ends": None}
    (row,) = script.get(f"{worked}/reviews").json["people"]
    assert (row["name"], row["submitted"], row["approved"], row["returned"]) == ("Ada", 2, 1, 2)
    assert row["returned_share"] == pytest.approx(2 / 3)


def test_figures_of_more_people_and_categories_cost_no_more_questions(
    script: FlaskClient,
    ada: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    services: Services,
    app: APIFlask,
) -> None:
    costs = []
    for name in ("Eve", "Zoe"):
        another = annotator(app, services, project, name)
        category = script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": name}).json["id"]
        send(another, image, creation(category), mark("submitted"), mark("waiting"))
        count_changes(services.database)
        with statements(services) as asked:
            for path in ("effort?by=person", "effort?by=category", "effort?by=model", "reviews", "own", "effort.csv"):
                answer = script.get(f"/api/v1/projects/{project['id']}/statistics/{path}")
                assert answer.status_code == 200
        costs.append(len(asked))
    assert costs[0] == costs[1]
    assert len(answer.text.splitlines()) == 3


def test_everybody_sees_their_own_figures_and_who_manages_all(
    script: FlaskClient, ada: FlaskClient, worked: str
) -> None:
    own = ada.get(f"{worked}/own").json
    assert [group["masks"] for group in own["by_category"]] == [1, 1]
    assert (own["reviews"]["name"], own["reviews"]["submitted"]) == ("Ada", 2)
    nothing = script.get(f"{worked}/own").json
    assert (nothing["by_day"], nothing["reviews"]["returned_share"]) == ([], None)
    for path in ("effort?by=person", "reviews", "effort.csv"):
        assert ada.get(f"{worked}/{path}").status_code == 403
    assert ada.get(f"{worked}/progress").status_code == 200


def test_annotators_see_each_others_figures_if_the_project_says_so(
    script: FlaskClient, ada: FlaskClient, project: dict[str, Any], worked: str, app: APIFlask, services: Services
) -> None:
    eve = annotator(app, services, project, "Eve")
    shown, hidden = (
        ("effort?by=person", "reviews", "effort.csv", "gold"),
        ("gold.csv", "agreement", "verification?by=person"),
    )
    address = f"/api/v1/projects/{project['id']}"

    def answers(*paths: str) -> set[int]:
        return {eve.get(f"{worked}/{path}").status_code for path in paths}

    assert answers(*shown) == {403}
    assert eve.patch(address, json={"shares_figures": True}).status_code == 403
    assert script.patch(address, json={"shares_figures": "yes"}).status_code == 422
    assert script.patch(address, json={"shares_figures": True}).json["shares_figures"] is True
    assert figures(eve, worked, "person") == [("Ada", 2, 2, 3.5, 2, 4)]
    assert figures(eve, worked, "category", person=user_id(ada)) == figures(script, worked, "category")
    assert eve.get(f"{worked}/reviews").json == script.get(f"{worked}/reviews").json
    assert eve.get(f"{worked}/effort.csv").text == script.get(f"{worked}/effort.csv").text
    assert (answers(*shown), answers(*hidden)) == ({200}, {403})
    assert script.patch(address, json={"name": "Lynxes"}).json["shares_figures"] is True
    assert script.patch(address, json={"shares_figures": False}).json["shares_figures"] is False
    assert answers(*shown) == {403}
    said = [entry["details"] for entry in script.get(f"{address}/audit?action=project.change").json["entries"]]
    assert [each.get("shares_figures") for each in said] == [False, None, True]


def test_what_is_not_counted_yet_is_said(script: FlaskClient, image: dict[str, Any], project: dict[str, Any]) -> None:
    progress = script.get(f"/api/v1/projects/{project['id']}/statistics/progress").json
    assert progress == {"days": [], "forecast": {"open": 0, "per_day": 0.0, "ends": None}, "uncounted": 1}


def test_tables_come_as_csv_that_no_spreadsheet_computes(
    script: FlaskClient, ada: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services
) -> None:
    address = f"/api/v1/projects/{project['id']}"
    evil = script.post(f"{address}/categories", json={"name": '=HYPERLINK("http://x","cat")'}).json["id"]
    send(ada, image, creation(evil, provenance=provenance(0.5, 1)))
    count_changes(services.database)
    today = datetime.now(UTC).date().isoformat()
    answer = script.get(f"{address}/statistics/effort.csv")
    assert (answer.mimetype, "attachment" in answer.headers["Content-Disposition"]) == ("text/csv", True)
    head, row = csv.reader(io.StringIO(answer.text))
    assert head[:4] == ["day", "category", "person", "model"]
    assert row == [today, '\'=HYPERLINK("http://x","cat")', "Ada", "Testlet", "1", "1", "0.5", "1", "1"]
    assert ada.get(f"{address}/statistics/own.csv").text == answer.text
    progress = list(csv.reader(io.StringIO(ada.get(f"{address}/statistics/progress.csv").text)))
    assert progress == [
        ["day", "waiting", "submitted", "approved", "returned", "skipped"],
        [today, "1", "0", "0", "0", "0"],
    ]


@pytest.mark.parametrize("query", ["", "by=colour", "by=day&person=-1", "by=day&person=x", "by=day&more=1"])
def test_a_question_that_makes_no_sense_is_refused_by_name(
    script: FlaskClient, project: dict[str, Any], query: str
) -> None:
    answer = script.get(f"/api/v1/projects/{project['id']}/statistics/effort?{query}")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")


def test_names_of_who_is_gone_are_not_lost_from_the_sums(
    script: FlaskClient, worked: str, project: dict[str, Any], ada: FlaskClient
) -> None:
    person = user_id(ada)
    assert script.delete(f"/api/v1/people/{person}").status_code == 204
    ((name, masks, *_),) = figures(script, worked, "person")
    assert (name != "Ada", masks) == (True, 2)
    assert new_uid() not in name
