"""People of all roles do things in any order: nothing is a fault of the server, and what is stored is what was said."""

from __future__ import annotations

import io
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from limner.access import Actor, Credential, ProjectRole, Scope
from limner.service import own_account, people
from limner.service.accounts import local_actor
from limner.service.wiring import Services
from tests.api.conftest import HEIGHT, WIDTH, creation, mask_rle, new_uid
from tests.conftest import png_bytes

WHO = ("owner", *(role.value for role in ProjectRole), "stranger")
SEEDS = st.integers(0, 5)


@pytest.fixture
def clients(app: APIFlask, services: Services, project: dict[str, Any]) -> dict[str, FlaskClient]:
    """One person in each role, somebody without any, and the owner; signed in by tokens."""
    database, owner = services.database, local_actor(services.database)
    found = {}
    for name in WHO:
        actor = owner
        if name != "owner":
            actor = Actor.of(people.create_person(database, owner, name), Credential.LOCAL)
            if name != "stranger":
                people.set_member(database, owner, project["id"], name, ProjectRole(name))
        token = own_account.create_token(database, actor, "stateful", [Scope.ALL], None)
        found[name] = app.test_client()
        found[name].environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return found


@pytest.mark.slow
def test_whatever_people_do_in_whatever_order(clients: dict[str, FlaskClient], project: dict[str, Any]) -> None:
    path = f"/api/v1/projects/{project['id']}"

    class Annotating(RuleBasedStateMachine):
        """A model of one project: images, each with its revision and the masks that were acknowledged."""

        def __init__(self) -> None:
            super().__init__()
            for image in clients["owner"].get(f"{path}/images").json["images"]:
                clients["owner"].delete(f"/api/v1/images/{image['id']}")
            emptied = clients["owner"].post(f"{path}/trash/delete", json={"image_ids": None})  # or they come back
            assert emptied.status_code == 200, emptied.text
            assert clients["owner"].get(f"{path}/trash").json["total"] == 0
            self.images: dict[int, tuple[int, dict[str, str]]] = {}
            self.trashed: dict[int, tuple[int, dict[str, str]]] = {}

        def ask(self, who: str, method: str, address: str, **more: Any) -> Any:
            answer = clients[who].open(address, method=method, **more)
            assert answer.status_code < 500, (who, method, address, answer.status_code)
            if who == "stranger":
                assert answer.status_code in (403, 404), (method, address)
            if answer.status_code >= 400:
                assert set(answer.json) == {"error"}
            return answer

        def pick(self, number: int) -> int:
            return sorted(self.images)[number % len(self.images)]

        @rule(who=st.sampled_from(WHO), seed=SEEDS)
        def upload(self, who: str, seed: int) -> None:
            data = {"files": (io.BytesIO(png_bytes(HEIGHT, WIDTH, seed)), f"{seed}.png")}
            answer = self.ask(who, "POST", f"{path}/images", data=data)
            if answer.status_code == 200:
                image = answer.json["results"][0]["image"]
                if image["id"] not in self.images:  # with all that was on it, where it comes from the trash
                    self.images[image["id"]] = self.trashed.pop(image["id"], (0, {}))

        @precondition(lambda self: self.images)
        @rule(who=st.sampled_from(WHO), number=SEEDS, seed=SEEDS, behind=st.integers(0, 1))
        def draw(self, who: str, number: int, seed: int, behind: int) -> None:
            self.send(who, self.pick(number), creation(segmentation=mask_rle(seed)), behind)

        @precondition(lambda self: any(masks for _, masks in self.images.values()))
        @rule(who=st.sampled_from(WHO), number=SEEDS, seed=SEEDS, behind=st.integers(0, 1), delete=st.booleans())
        def change(self, who: str, number: int, seed: int, behind: int, delete: bool) -> None:
            with_masks = sorted(image for image, (_, masks) in self.images.items() if masks)
            image = with_masks[number % len(with_masks)]
            uid = sorted(self.images[image][1])[0]
            operation: dict[str, Any] = {"kind": "delete", "uid": uid}
            if not delete:
                operation = {"kind": "update", "uid": uid, "changes": {"segmentation": mask_rle(seed)}}
            self.send(who, image, {"operation_id": new_uid(), "operation": operation}, behind)

        def send(self, who: str, image: int, body: dict[str, Any], behind: int) -> None:
            """An operation, maybe on a revision that is gone by; twice, as after a lost answer."""
            revision, masks = self.images[image]
            headers = {"If-Match": f'"{max(0, revision - behind)}"'}
            first = self.ask(who, "POST", f"/api/v1/images/{image}/operations", json=body, headers=headers)
            again = self.ask(who, "POST", f"/api/v1/images/{image}/operations", json=body, headers=headers)
            assert (again.status_code, again.json.get("revision")) == (first.status_code, first.json.get("revision"))
            if first.status_code != 200:
                assert first.status_code == 412 if who == "owner" else first.status_code in (403, 404, 412)
                return
            assert first.json["revision"] == revision + 1
            operation, left = body["operation"], dict(masks)
            if operation["kind"] == "delete":
                del left[operation["uid"]]
            else:
                left[operation["uid"]] = operation.get("changes", operation)["segmentation"]["counts"]
            self.images[image] = (revision + 1, left)

        @precondition(lambda self: self.images)
        @rule(who=st.sampled_from(WHO), number=SEEDS)
        def remove(self, who: str, number: int) -> None:
            image = self.pick(number)
            if self.ask(who, "DELETE", f"/api/v1/images/{image}").status_code == 204:
                self.trashed[image] = self.images.pop(image)
                assert self.ask("owner", "GET", f"/api/v1/images/{image}").status_code == 404

        @rule(who=st.sampled_from(WHO), form=st.sampled_from(["coco", "sa1b", "yolo", "png", "panoptic"]))
        def export(self, who: str, form: str) -> None:
            self.ask(who, "GET", f"{path}/export?format={form}")

        @invariant()
        def what_is_stored_is_what_was_acknowledged(self) -> None:
            for image, (revision, masks) in self.images.items():
                stored = clients["owner"].get(f"/api/v1/images/{image}/annotations").json
                assert stored["revision"] == revision
                assert {each["uid"]: each["segmentation"]["counts"] for each in stored["annotations"]} == masks

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Annotating,
        settings=hypothesis_settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
