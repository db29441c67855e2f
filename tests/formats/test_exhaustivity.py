"""What is known of the exhaustivity of images goes out as LVIS says it, and comes in again the same."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from limner.formats.coco import export_coco, import_coco
from limner.store import Database
from limner.store.categories import create_category
from limner.store.exhaustivity import known_of, said_of
from limner.store.images import NewImage, add_image, lock_image
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.projects import create_project
from tests.store.conftest import HEIGHT, WIDTH, mask_rle, operation

Json = dict[str, Any]
NAMES = ("cat", "dog", "bird", "fish", "owl")


class Project:
    """A project of some images and categories, and somebody who works in it."""

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        with database.write() as session:
            self.id = create_project(session, name).id
            self.user_id = add_person(session, f"Ann of {name}", "member").id
            self.categories = {each: create_category(session, self.id, each) for each in NAMES}
            self.images = [
                add_image(session, self.id, NewImage(f"{i}.png", WIDTH, HEIGHT, f"{i:064x}", 9, "PNG", "image/png"))[0]
                for i in range(3)
            ]
            self.numbers = {each: row.number for each, row in self.categories.items()}
            self.ids = {each: row.id for each, row in self.categories.items()}
            self.image_ids = [image.id for image in self.images]

    def do(self, image: int, **fields: Any) -> None:
        with self.database.write() as session:
            row = lock_image(session, self.image_ids[image])
            made = operation(uid=str(uuid.uuid4()), **fields)
            apply_operation(session, row, str(uuid.uuid4()), made, revision=None, user_id=self.user_id)

    def draw(self, image: int, category: str) -> None:
        self.do(image, kind="create", category_id=self.ids[category], segmentation=mask_rle(image))

    def say(self, image: int, category: str, *, exhaustive: bool) -> None:
        self.do(image, kind="exhaustivity", category_id=self.ids[category], exhaustive=exhaustive)

    def known(self) -> list[dict[str, bool]]:
        names = {number: name for name, number in self.ids.items()}
        with self.database.read() as session:
            found = known_of(session, self.image_ids)
        return [{names[each]: value for each, value in found.get(number, {}).items()} for number in self.image_ids]

    def export(self) -> Json:
        document: Json = json.loads(b"".join(export_coco(self.database, self.id)))
        return document


@pytest.fixture
def project(database: Database) -> Project:
    """The first image has all that there is: present and complete, present and not, unchecked, absent, not drawn."""
    made = Project(database, "Animals")
    for category in ("cat", "dog", "bird"):
        made.draw(0, category)
    made.say(0, "cat", exhaustive=True)
    made.say(0, "dog", exhaustive=False)
    made.say(0, "fish", exhaustive=True)
    made.say(0, "owl", exhaustive=False)
    made.draw(1, "cat")
    return made


def lists_of(project: Project, entry: Json) -> dict[str, list[str]]:
    names = {number: name for name, number in project.numbers.items()}
    return {key: [names[each] for each in entry[key]] for key in entry if key.endswith("_category_ids")}


def test_an_image_lists_what_lvis_defines(project: Project) -> None:
    entries = project.export()["images"]
    assert [lists_of(project, entry) for entry in entries] == [
        {
            "neg_category_ids": ["fish"],
            "not_exhaustive_category_ids": ["dog", "bird", "owl"],
            "unchecked_category_ids": ["bird"],
        },
        {"neg_category_ids": [], "not_exhaustive_category_ids": ["cat"], "unchecked_category_ids": ["cat"]},
        {"neg_category_ids": [], "not_exhaustive_category_ids": []},
    ]


def test_a_project_of_which_nobody_said_anything_is_plain_coco(database: Database) -> None:
    plain = Project(database, "Plain")
    plain.draw(0, "cat")
    assert not any(key.endswith("_category_ids") for entry in plain.export()["images"] for key in entry)


def test_what_was_reopened_is_not_exhaustive_any_more(project: Project) -> None:
    with project.database.write() as session:
        project.user_id = add_person(session, "Ben", "member").id
    project.draw(0, "fish")
    first = lists_of(project, project.export()["images"][0])
    assert (first["neg_category_ids"], "fish" in first["not_exhaustive_category_ids"]) == ([], True)


def test_another_project_gets_exactly_what_this_one_knows_and_once(project: Project, database: Database) -> None:
    document = json.dumps(project.export()).encode()
    copy = Project(database, "Copy")
    preview = import_coco(database, copy.id, document, preview=True)
    assert (preview.statements, copy.known()) == (4, [{}, {}, {}])
    report = import_coco(database, copy.id, document, user_id=copy.user_id)
    assert (report.statements, report.skipped) == (4, [])
    assert copy.known() == project.known()
    assert [entry["not_exhaustive_category_ids"] for entry in copy.export()["images"]] == [
        entry["not_exhaustive_category_ids"] for entry in project.export()["images"]
    ]
    again = import_coco(database, copy.id, document, user_id=copy.user_id)
    assert (again.statements, again.annotations) == (0, 0)
    with database.read() as session:
        assert {each.by for each in said_of(session, copy.image_ids[0])} == {"Ann of Copy"}


def test_what_people_said_of_an_image_stays_when_a_file_says_otherwise(project: Project, database: Database) -> None:
    document = json.dumps(project.export()).encode()
    copy = Project(database, "Copy")
    copy.say(0, "dog", exhaustive=True)
    copy.say(0, "owl", exhaustive=True)
    import_coco(database, copy.id, document, user_id=copy.user_id)  # they bring the dog themselves
    assert copy.known()[0] == {"cat": True, "dog": True, "fish": True, "owl": True}


def test_a_file_of_lvis_is_read_by_its_own_definition(database: Database) -> None:
    there = Project(database, "Animals")
    square = [[1, 1, 6, 1, 6, 6, 1, 6]]
    lvis: Json = {
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, 1)],
        "images": [
            {
                "id": 7,
                "coco_url": "http://images.cocodataset.org/train2017/0.png",
                "height": HEIGHT,
                "width": WIDTH,
                "neg_category_ids": [3],
                "not_exhaustive_category_ids": [2],
            }
        ],
        "annotations": [
            {"id": each, "image_id": 7, "category_id": each, "segmentation": square, "iscrowd": 0} for each in (1, 2)
        ],
    }
    report = import_coco(database, there.id, json.dumps(lvis).encode())
    assert (report.annotations, report.statements, report.skipped) == (2, 3, [])
    assert there.known()[0] == {"cat": True, "dog": False, "bird": True}


def test_what_contradicts_itself_or_cannot_be_used_is_left_out_and_named(project: Project, database: Database) -> None:
    document = project.export()
    first, second, third = document["images"]
    first["neg_category_ids"] = [project.numbers["cat"], 99]
    second["neg_category_ids"] = "all"
    third["not_exhaustive_category_ids"] = [True]
    box_only = next(each for each in document["annotations"] if each["category_id"] == project.numbers["bird"])
    box_only["segmentation"] = []
    first["not_exhaustive_category_ids"] = []
    first["unchecked_category_ids"] = []
    copy = Project(database, "Copy")
    report = import_coco(database, copy.id, json.dumps(document).encode(), user_id=copy.user_id)
    assert copy.known() == [{"dog": True}, {}, {}]  # of the bird one was left out, so not all are there
    whys = {each.why for each in report.skipped}
    assert any("says that there is none of category" in why for why in whys)
    assert "the file lists no category 99" in whys
    assert any("is no list of category ids" in why for why in whys)
    assert report.annotations == 3
