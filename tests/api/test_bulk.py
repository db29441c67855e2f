"""The same done to many images by one request: each for itself, refused by role as it is alone, and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import ProjectRole
from limner.service.wiring import Services
from tests.api.conftest import HEIGHT, WIDTH, Upload, creation
from tests.api.test_gold import Person, mark, send
from tests.conftest import png_bytes


@pytest.fixture
def images(upload: Upload) -> list[int]:
    """Four images, two of them in the folder ``box``."""
    names = ("a.png", "b.png", "box/c.png", "box/d.png")
    return [upload(png_bytes(HEIGHT, WIDTH, seed=seed), name)["image"]["id"] for seed, name in enumerate(names)]


@pytest.fixture
def path(project: dict[str, Any]) -> str:
    return f"/api/v1/projects/{project['id']}"


def person(app: APIFlask, services: Services, project: dict[str, Any], name: str, role: ProjectRole) -> Person:
    return Person(app, services, project["id"], name, role)


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Ada", ProjectRole.ANNOTATOR)


@pytest.fixture
def rob(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Rob", ProjectRole.REVIEWER)


@pytest.fixture
def mia(app: APIFlask, services: Services, project: dict[str, Any]) -> Person:
    return person(app, services, project, "Mia", ProjectRole.MANAGER)


def change(client: FlaskClient, path: str, image_ids: list[int] | None, what: dict[str, Any], **rest: Any) -> Any:
    answer = client.post(f"{path}/images/change", json={"image_ids": image_ids, "change": what, **rest})
    assert answer.status_code == 200, answer.json
    return answer.json


def states(client: FlaskClient, path: str) -> list[str]:
    return [image["mark"]["state"] for image in client.get(f"{path}/images").json["images"]]


SUBMIT = {"action": "mark", "state": "submitted"}


def test_named_images_are_submitted_and_say_what_they_were(ada: Person, images: list[int], path: str) -> None:
    mark(ada.client, images[1], "skipped", note="blurred")
    answer = change(ada.client, path, images[:2], SUBMIT)
    assert (answer["done"], answer["refused"], answer["next"]) == (images[:2], [], None)
    earlier = [(each["image_ids"], each["state"], each["note"]) for each in answer["earlier"]]
    assert earlier == [([images[0]], "waiting", ""), ([images[1]], "skipped", "blurred")]
    assert states(ada.client, path) == ["submitted", "submitted", "waiting", "waiting"]
    for each in answer["earlier"]:
        change(ada.client, path, each["image_ids"], {"action": "mark", "state": each["state"], "note": each["note"]})
    assert states(ada.client, path) == ["waiting", "skipped", "waiting", "waiting"]
    assert change(ada.client, path, images[2:3], {"action": "mark", "state": "waiting"})["done"] == []


def test_who_is_about_to_submit_many_learns_how_many_have_no_masks(
    script: FlaskClient, ada: Person, images: list[int], project: dict[str, Any], path: str
) -> None:
    def empty(client: FlaskClient, image_ids: list[int] | None, **listed: Any) -> int:
        answer = client.post(f"{path}/images/empty", json={"image_ids": image_ids, **listed})
        assert answer.status_code == 200, answer.json
        return int(answer.json["count"])

    assert send(ada.client, images[0], creation()).status_code == 200
    mark(ada.client, images[1], "submitted")
    assert empty(ada.client, images) == 2, "one has a mask, of one it is said already"
    assert empty(ada.client, images[:2]) == 0
    assert empty(ada.client, None, folder="box") == 2
    assert empty(ada.client, None, search="d.png", also="unannotated") == 1
    other = script.post("/api/v1/projects", json={"name": "Other"}).json["id"]
    elsewhere = script.post(f"/api/v1/projects/{other}/images/empty", json={"image_ids": images})
    assert elsewhere.json == {"count": 0}
    assert ada.client.post(f"/api/v1/projects/{other}/images/empty", json={"image_ids": None}).status_code == 404


def test_all_of_a_filter_are_marked_in_the_history_of_each(rob: Person, images: list[int], path: str) -> None:
    returned = {"action": "mark", "state": "returned", "note": "the tails"}
    answer = change(rob.client, path, None, returned, folder="box", state="waiting")
    assert answer["done"] == images[2:]
    assert states(rob.client, path) == ["waiting", "waiting", "returned", "returned"]
    shown = rob.client.get(f"/api/v1/images/{images[3]}").json
    assert (shown["mark"]["note"], shown["mark"]["by"], shown["revision"]) == ("the tails", "Rob", 1)


def test_images_that_may_not_be_changed_are_counted_and_the_others_are_changed(
    ada: Person, rob: Person, images: list[int], path: str
) -> None:
    change(rob.client, path, images[:1], {"action": "mark", "state": "approved"})
    answer = change(ada.client, path, [*images, 999_999], SUBMIT)
    assert answer["done"] == images[1:]
    reasons = {each["error"]["code"]: each["image_ids"] for each in answer["refused"]}
    assert reasons == {"forbidden": images[:1], "not_found": [999_999]}
    assert states(ada.client, path) == ["approved", "submitted", "submitted", "submitted"]
    nothing = change(ada.client, path, None, {"action": "delete"})
    assert (nothing["done"], [each["error"]["code"] for each in nothing["refused"]]) == ([], ["forbidden"])


def test_images_of_another_project_are_left_alone(
    script: FlaskClient, upload: Upload, images: list[int], path: str
) -> None:
    other = script.post("/api/v1/projects", json={"name": "Other"}).json["id"]
    foreign = upload(png_bytes(HEIGHT, WIDTH, seed=0), "a.png", other)["image"]["id"]
    for what in (SUBMIT, {"action": "assign", "to": []}, {"action": "delete"}):
        answer = change(script, path, [foreign], what)
        assert (answer["done"], [each["image_ids"] for each in answer["refused"]]) == ([], [[foreign]])
    assert states(script, f"/api/v1/projects/{other}") == ["waiting"]


def test_many_are_assigned_evenly_and_back(mia: Person, ada: Person, rob: Person, images: list[int], path: str) -> None:
    change(mia.client, path, images[:1], {"action": "assign", "to": [rob.id]})
    answer = change(mia.client, path, None, {"action": "assign", "to": [ada.id, rob.id]})
    assert answer["done"] == images
    to = lambda: [image["work"]["assigned_to"] for image in mia.client.get(f"{path}/images").json["images"]]  # noqa: E731
    assert to() == ["Ada", "Ada", "Rob", "Rob"]
    for each in answer["earlier"]:
        back = [each["assigned_user_id"]] if each["assigned_user_id"] else []
        change(mia.client, path, each["image_ids"], {"action": "assign", "to": back})
    assert to() == ["Rob", None, None, None]
    refused = ada.client.post(
        f"{path}/images/change", json={"image_ids": images, "change": {"action": "assign", "to": []}}
    )
    assert refused.status_code == 403


@pytest.mark.parametrize(("limit", "most"), [("service.turns.MOST_AT_ONCE", 1), ("service.bulk.MOST", 2)])
def test_many_are_assigned_evenly_however_many_turns_and_requests_it_takes(
    mia: Person,
    ada: Person,
    rob: Person,
    images: list[int],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    most: int,
) -> None:
    """Also when no time is left after the first turn, where other changes end a request."""
    monkeypatch.setattr("limner.service.turns.SECONDS", 0.0)
    monkeypatch.setattr(f"limner.{limit}", most)
    after, done = 0, []
    while after is not None:
        answer = change(mia.client, path, None, {"action": "assign", "to": [ada.id, rob.id]}, after=after)
        after, done = answer["next"], done + answer["done"]
    assert done == images
    to = [image["work"]["assigned_to"] for image in mia.client.get(f"{path}/images").json["images"]]
    assert sorted(to) == ["Ada", "Ada", "Rob", "Rob"]


def test_many_are_deleted_and_restored(mia: Person, images: list[int], path: str) -> None:
    answer = change(mia.client, path, None, {"action": "delete"}, search="a.png")
    assert answer["done"] == images[:1]
    change(mia.client, path, images[1:], {"action": "delete"})
    assert mia.listed() == []
    restored = mia.client.post(f"{path}/trash/restore", json={"image_ids": images}).json
    assert restored["done"] == mia.listed() == images


def test_what_does_not_fit_into_one_request_goes_on_where_it_stopped(
    ada: Person, images: list[int], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a filter that those that were changed do not pass any more."""
    monkeypatch.setattr("limner.service.turns.SECONDS", 0.0)  # one turn a request
    monkeypatch.setattr("limner.service.turns.MOST_AT_ONCE", 3)
    first = change(ada.client, path, None, SUBMIT, state="waiting")
    assert (first["done"], first["next"]) == (images[:3], images[2])
    second = change(ada.client, path, None, SUBMIT, state="waiting", after=first["next"])
    assert (second["done"], second["next"]) == (images[3:], None)


def test_images_are_skipped_for_a_reason(ada: Person, images: list[int], path: str) -> None:
    body = {"image_ids": images, "change": {"action": "mark", "state": "skipped"}}
    answer = ada.client.post(f"{path}/images/change", json=body)
    assert answer.status_code == 422
    assert "say it in note" in str(answer.json)
    body["change"]["note"] = "no cats"  # type: ignore[call-overload, index]
    assert ada.client.post(f"{path}/images/change", json=body).json["done"] == images


def test_a_folder_or_words_that_are_no_text_are_refused(script: FlaskClient, project: dict[str, Any]) -> None:
    for wrong in ({"folder": []}, {"search": 7}):
        body = {"image_ids": None, "change": {"action": "delete"}} | wrong
        assert script.post(f"/api/v1/projects/{project['id']}/images/change", json=body).status_code == 422


def tags(client: FlaskClient, path: str) -> list[list[str]]:
    return [image["tags"] for image in client.get(f"{path}/images").json["images"]]


def test_images_are_tagged_and_untagged_exactly_as_is_told(ada: Person, path: str, images: list[int]) -> None:
    wet = {"action": "tag", "tag": "  wet  road "}
    assert change(ada.client, path, images[:1], wet)["done"] == images[:1]
    assert change(ada.client, path, images[:2], wet)["done"] == images[1:2], "what has it is not changed: Undo is exact"
    assert tags(ada.client, path) == [["wet road"], ["wet road"], [], []]
    assert ada.client.get(f"/api/v1/images/{images[0]}").json["tags"] == ["wet road"]
    assert ada.client.get(f"{path}/tags").json["tags"] == [{"tag": "wet road", "images": 2}]

    off = {"action": "untag", "tag": "wet road"}
    assert change(ada.client, path, images[1:], off)["done"] == images[1:2]
    assert tags(ada.client, path) == [["wet road"], [], [], []]


def test_a_tag_is_a_filter_of_lists_neighbours_and_further_changes(ada: Person, path: str, images: list[int]) -> None:
    change(ada.client, path, [images[0], images[3]], {"action": "tag", "tag": "wet"})
    change(ada.client, path, None, {"action": "tag", "tag": "boxed"}, tag="wet", folder="box")
    assert tags(ada.client, path) == [["wet"], [], [], ["boxed", "wet"]]
    page = ada.client.get(f"{path}/images?tag=wet&counted=true").json
    assert ([image["id"] for image in page["images"]], page["total"]) == ([images[0], images[3]], 2)
    first = ada.client.get(f"/api/v1/images/{images[0]}?tag=wet").json
    assert (first["next_id"], first["position"]) == (images[3], 1)
    assert ada.client.get(f"{path}/images?tag={'x' * 65}").status_code == 422


def test_who_may_not_annotate_may_not_tag(
    app: APIFlask, services: Services, project: dict[str, Any], path: str, images: list[int]
) -> None:
    vic = person(app, services, project, "Vic", ProjectRole.VIEWER)
    answer = change(vic.client, path, images, {"action": "tag", "tag": "wet"})
    assert (answer["done"], answer["refused"][0]["image_ids"]) == ([], images)
    assert tags(vic.client, path) == [[], [], [], []]


@pytest.mark.parametrize("tag", ["", "   ", "x" * 65, "a\x07b", 7, None])
def test_what_is_no_tag_is_refused_whole(ada: Person, path: str, images: list[int], tag: object) -> None:
    body = {"image_ids": images, "change": {"action": "tag", "tag": tag}}
    answer = ada.client.post(f"{path}/images/change", json=body)
    assert answer.status_code == 422
    assert "tag" in answer.text
    assert tags(ada.client, path) == [[], [], [], []]


def file_names(client: FlaskClient, path: str) -> list[str]:
    return [image["file_name"] for image in client.get(f"{path}/images").json["images"]]


def folders(client: FlaskClient, path: str) -> dict[str, int]:
    return {each["path"]: each["images"] for each in client.get(f"{path}/folders").json["folders"]}


def test_images_are_moved_and_say_where_they_were(mia: Person, path: str, images: list[int]) -> None:
    answer = change(mia.client, path, images[1:], {"action": "move", "folder": " /box\\./night// ".strip()})
    assert (answer["done"], answer["refused"]) == (images[1:], [])
    assert file_names(mia.client, path) == ["a.png", "box/night/b.png", "box/night/c.png", "box/night/d.png"]
    assert folders(mia.client, path) == {"box/night": 3}
    assert [(each["image_ids"], each["folder"]) for each in answer["earlier"]] == [
        (images[1:2], ""),
        (images[2:], "box"),
    ]
    coco = mia.client.get(f"{path}/export").json
    assert {each["file_name"] for each in coco["images"]} >= {"box/night/b.png"}
    for each in answer["earlier"]:
        change(mia.client, path, each["image_ids"], {"action": "move", "folder": each["folder"]})
    assert file_names(mia.client, path) == ["a.png", "b.png", "box/c.png", "box/d.png"]
    assert folders(mia.client, path) == {"box": 2}


def test_all_of_a_listing_are_moved_and_what_is_there_is_not_changed(mia: Person, path: str, images: list[int]) -> None:
    box = {"action": "move", "folder": "box"}
    assert change(mia.client, path, None, box)["done"] == images[:2], "Undo is exact"
    assert change(mia.client, path, None, {"action": "move", "folder": ""}, search="box/b")["done"] == images[1:2]
    assert file_names(mia.client, path) == ["box/a.png", "b.png", "box/c.png", "box/d.png"]


def test_an_image_whose_name_is_taken_stays_and_the_others_are_moved(
    mia: Person, path: str, images: list[int], upload: Upload
) -> None:
    other = upload(png_bytes(HEIGHT, WIDTH, seed=9), "new/b.png")["image"]["id"]
    answer = change(mia.client, path, images, {"action": "move", "folder": "new"})
    assert answer["done"] == [images[0], *images[2:]]
    assert [(each["error"]["code"], each["image_ids"]) for each in answer["refused"]] == [("conflict", images[1:2])]
    assert "same name" in answer["refused"][0]["error"]["message"]
    assert file_names(mia.client, path) == ["new/a.png", "b.png", "new/c.png", "new/d.png", "new/b.png"]
    assert change(mia.client, path, [*images, other], {"action": "move", "folder": ""})["done"] == [
        images[0],
        *images[2:],
    ]


def test_who_may_not_manage_images_may_not_move_them(ada: Person, rob: Person, path: str, images: list[int]) -> None:
    for person in (ada, rob):
        answer = change(person.client, path, images, {"action": "move", "folder": "new"})
        assert (answer["done"], answer["refused"][0]["error"]["code"]) == ([], "forbidden")
    assert file_names(ada.client, path) == ["a.png", "b.png", "box/c.png", "box/d.png"]


@pytest.mark.parametrize("folder", ["x" * 256, "x/" * 600, "a\ud800", 7, None])
def test_what_is_no_folder_is_refused_whole(mia: Person, path: str, images: list[int], folder: object) -> None:
    body = {"image_ids": images, "change": {"action": "move", "folder": folder}}
    answer = mia.client.post(f"{path}/images/change", json=body)
    assert answer.status_code == 422, answer.json
    assert file_names(mia.client, path) == ["a.png", "b.png", "box/c.png", "box/d.png"]


def test_moves_stand_in_the_audit_log_and_go_on_where_they_stopped(
    mia: Person, script: FlaskClient, images: list[int], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.service.turns.SECONDS", 0.0)  # one turn a request
    monkeypatch.setattr("limner.service.turns.MOST_AT_ONCE", 3)
    box = {"action": "move", "folder": "new"}
    first = change(mia.client, path, None, box)
    assert (first["done"], first["next"]) == (images[:3], images[2])
    assert change(mia.client, path, None, box, after=first["next"])["done"] == images[3:]
    entries = script.get("/api/v1/audit", query_string={"action": "image.move"}).json["entries"]
    assert [(each["by"], each["target_id"], each["details"]) for each in reversed(entries)] == [
        ("Mia", image_id, {"name": name, "to": f"new/{name[-5:]}"})
        for image_id, name in zip(images, ("a.png", "b.png", "box/c.png", "box/d.png"), strict=True)
    ]
