"""People of a project at work over HTTP."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import ProjectRole
from limner.service.wiring import Services
from limner.store.accounts import create_api_token
from limner.store.people import add_person, set_member
from limner.store.tables import User
from limner.vocabulary import rle
from tests.api.conftest import HEIGHT, WIDTH, creation, new_uid

Box = tuple[int, int, int, int]  # left, top, width, height


class Person:
    """Somebody with a role in the project."""

    def __init__(self, app: APIFlask, services: Services, project_id: int, name: str, role: ProjectRole) -> None:
        with services.database.write() as session:
            user = add_person(session, name, "member")
            set_member(session, project_id, user, role)
            token = create_api_token(session, session.get_one(User, user.id), "test")
        self.id, self.project = user.id, f"/api/v1/projects/{project_id}"
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def next(self, current: int | None = None) -> int | None:
        answer = self.client.post(f"{self.project}/next", json={"current": current})
        assert answer.status_code == 200, answer.json
        number: int | None = answer.json["image_id"]
        return number

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}")

    def listed(self, **query: Any) -> list[int]:
        answer = self.client.get(f"{self.project}/images", query_string={"counted": "true", **query}).json
        assert answer["total"] == len(answer["images"])
        return [image["id"] for image in answer["images"]]


def box(left: int, top: int, width: int, height: int) -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + height, left : left + width] = True
    return dict(rle.encode(mask))


def send(client: FlaskClient, image_id: int, body: dict[str, Any]) -> Any:
    revision = client.get(f"/api/v1/images/{image_id}/annotations").json["revision"]
    return client.post(f"/api/v1/images/{image_id}/operations", json=body, headers={"If-Match": f'"{revision}"'})


def draw(client: FlaskClient, image_id: int, category_id: int | None, where: Box) -> None:
    answer = send(client, image_id, creation(category_id, segmentation=box(*where)))
    assert answer.status_code in (200, 201), answer.json


def mark(client: FlaskClient, image_id: int, state: str, **said: Any) -> Any:
    operation = {"kind": "mark", "uid": new_uid(), "state": state, "note": "", **said}
    return send(client, image_id, {"operation_id": new_uid(), "operation": operation})


def everything_said(person: Person) -> dict[str, Any]:
    """All that a project's pages, figures and exports say."""
    services_path = person.project
    said: dict[str, Any] = {
        path: person.client.get(f"{services_path}/{path}").json
        for path in (
            "images",
            "folders",
            "tags",
            "assignments",
            "jobs",
            "statistics/progress",
            "statistics/effort?by=person",
            "statistics/effort?by=category",
            "statistics/reviews",
        )
    }
    said["project"] = person.client.get(services_path).json
    said["projects"] = person.client.get("/api/v1/projects").json
    said["coco"] = {
        key: value
        for key, value in json.loads(person.client.get(f"{services_path}/export?format=coco").data).items()
        if key != "info"
    }
    for table in ("progress", "effort"):
        said[table] = person.client.get(f"{services_path}/statistics/{table}.csv").text
    for image in said["images"]["images"]:
        said[f"image {image['id']}"] = person.client.get(f"/api/v1/images/{image['id']}").json
        for each in (image, said[f"image {image['id']}"]):
            del each["embedding"]  # that of the file, which the copy shares
    return said
