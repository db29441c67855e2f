"""What a browser saved as a file because nobody could sign in there any more is brought in, once."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from limner.access import Actor
from limner.errors import InvalidFile
from limner.service.accounts import local_actor
from limner.service.unsent import bring_in
from limner.service.wiring import Services
from tests.api.conftest import BOTH_DATABASES, creation

pytestmark = BOTH_DATABASES

Json = dict[str, Any]


@pytest.fixture
def owner(services: Services) -> Actor:
    return local_actor(services.database)


def file_of(*changes: tuple[int, Json]) -> bytes:
    listed = [{"image_id": image, "created": "2026-11-29T10:00:00.000Z", **body} for image, body in changes]
    return json.dumps({"format": "limner unsent changes", "version": 1, "user": "Ben", "changes": listed}).encode()


def test_changes_are_applied_in_their_order_and_once(
    services: Services, owner: Actor, script: FlaskClient, image: Json
) -> None:
    first, second = creation(), creation()
    gone = {"operation_id": str(uuid.uuid4()), "operation": {"kind": "delete", "uid": first["operation"]["uid"]}}
    submitted = {"kind": "mark", "uid": str(uuid.uuid4()), "state": "submitted", "note": ""}
    marked = {"operation_id": str(uuid.uuid4()), "operation": submitted}
    document = file_of(*((image["id"], each) for each in (first, second, gone, marked)))
    done = bring_in(services, owner, document)
    assert (done.user, done.applied, done.known, done.refused) == ("Ben", 4, 0, [])
    found = script.get(f"/api/v1/images/{image['id']}/annotations").json
    assert [each["uid"] for each in found["annotations"]] == [second["operation"]["uid"]]
    assert (found["revision"], found["mark"]["state"]) == (4, "submitted")
    again = bring_in(services, owner, document)
    assert (again.applied, again.known, again.refused) == (0, 4, [])
    assert script.get(f"/api/v1/images/{image['id']}/annotations").json["revision"] == 4


def test_what_cannot_be_applied_is_named_and_the_rest_is(
    services: Services, owner: Actor, script: FlaskClient, image: Json
) -> None:
    unknown = {"operation_id": str(uuid.uuid4()), "operation": {"kind": "delete", "uid": str(uuid.uuid4())}}
    done = bring_in(services, owner, file_of((image["id"], unknown), (10**6, creation()), (image["id"], creation())))
    assert (done.applied, [(each.image_id, each.kind) for each in done.refused]) == (
        1,
        [(image["id"], "delete"), (10**6, "create")],
    )
    assert all(each.why for each in done.refused)
    assert script.get(f"/api/v1/images/{image['id']}").json["work"]["held_by"] is None  # nobody works on it by that


@pytest.mark.parametrize("document", [b"", b"[]", b'{"format": "coco"}', file_of((0, creation())), file_of((1, {}))])
def test_another_file_changes_nothing(services: Services, owner: Actor, document: bytes) -> None:
    with pytest.raises(InvalidFile, match="no file of unsent changes"):
        bring_in(services, owner, document)
