"""Sizes in answers are those of one moment, while figures are counted beside."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from limner.jobs.statistics import count_changes
from limner.service.wiring import Services
from limner.store import sizes
from limner.store.contributions import Contributions
from tests.api.conftest import BOTH_DATABASES, creation

pytestmark = BOTH_DATABASES


def draw(script: FlaskClient, project: dict[str, Any], image: dict[str, Any], revision: int) -> None:
    body = creation()
    body["operation"]["category_id"] = project["categories"][0]["id"]
    headers = {"If-Match": f'"{revision}"'}
    assert script.post(f"/api/v1/images/{image['id']}/operations", json=body, headers=headers).status_code == 200


@pytest.fixture
def uncounted(script: FlaskClient, services: Services, project: dict[str, Any], image: dict[str, Any]) -> None:
    """One image that was counted with one mask, and has two by now."""
    draw(script, project, image, 0)
    assert count_changes(services.database) == 1
    draw(script, project, image, 1)


@pytest.mark.usefixtures("uncounted")
def test_the_answer_to_a_change_is_right_when_figures_are_counted_in_its_middle(
    script: FlaskClient,
    services: Services,
    project: dict[str, Any],
    image: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counter commits after what is late was read, and before the sums are."""
    asked = sizes.late_in
    counted: list[int] = []

    def late_in(session: Session, project_ids: Collection[int]) -> sizes.Late:
        late = asked(session, project_ids)
        counted.append(count_changes(services.database))
        return late

    monkeypatch.setattr("limner.store.sizes.late_in", late_in)
    monkeypatch.setattr("limner.service.projects.late_in", late_in)
    answer = script.patch(f"/api/v1/projects/{project['id']}", json={"name": "Dogs"})
    assert (answer.status_code, answer.json["name"], counted) == (200, "Dogs", [1])
    assert (answer.json["image_count"], answer.json["annotation_count"]) == (1, 2)
    assert [each["annotation_count"] for each in answer.json["categories"]] == [2]
    draw(script, project, image, 2)
    category = script.patch(f"/api/v1/categories/{project['categories'][0]['id']}", json={"name": "dog"})
    assert (category.status_code, category.json["name"], counted) == (200, "dog", [1, 1])
    assert category.json["annotation_count"] == 3


@pytest.mark.usefixtures("uncounted")
def test_what_sums_do_not_know_is_read_once_for_an_answer(
    script: FlaskClient, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    parse = Contributions.from_json

    def from_json(stored: Any) -> Contributions:
        read.append(stored)
        return parse(stored)

    monkeypatch.setattr(Contributions, "from_json", from_json)
    assert script.get(f"/api/v1/projects/{project['id']}").json["annotation_count"] == 2
    assert len(read) == 1
