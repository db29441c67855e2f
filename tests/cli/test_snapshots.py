"""``limner project snapshot`` and ``diff``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from limner.errors import NotFound
from limner.store.snapshots import SnapshotExists
from tests.cli.test_project import home, run, write_coco, write_image

__all__ = ["home"]  # a fixture


@pytest.fixture
def cats(home: Path, tmp_path: Path) -> Path:
    """A project of two images, one with a mask; the folder of its files."""
    run("create", "Cats", "--category", "cat")
    for seed, name in enumerate(("a.png", "b.png")):
        write_image(tmp_path / "photos" / name, seed)
    run("import", "Cats", tmp_path / "photos", write_coco(tmp_path / "a.json", "a.png"))
    return tmp_path


def test_a_snapshot_is_taken_listed_written_and_compared_with_now(cats: Path) -> None:
    assert run("snapshot", "Cats").output == ""
    assert run("snapshot", "Cats", "first").output.startswith("first: 2 images, 1 annotation, sha256 ")
    run("export", "Cats", "--which", "all", "--out", cats / "then.json")
    run("import", "Cats", write_coco(cats / "b.json", "b.png"))
    listed = run("snapshot", "Cats").output
    assert listed.startswith("first\t")
    assert "\t2 images\t1 annotation\t" in listed

    assert run("snapshot", "Cats", "first", "--out", cats / "first.json").exit_code == 0
    assert (cats / "first.json").read_bytes() == (cats / "then.json").read_bytes()

    said = run("diff", "Cats", "first", "--json", cats / "diff.json").output
    assert said.splitlines()[0] == "1 annotation added, 0 removed, 0 changed, 1 unchanged"
    assert "added\tb.png\t" in said
    document = json.loads((cats / "diff.json").read_text())
    assert [each["file_name"] for each in document["differences"]] == ["b.png"]

    run("snapshot", "Cats", "second")
    assert run("diff", "Cats", "first", "second").output == said
    assert run("diff", "Cats", "second").output == "0 annotations added, 0 removed, 0 changed, 2 unchanged\n"


def test_a_snapshot_never_changes_and_one_that_is_not_there_is_said_with_those_that_are(cats: Path) -> None:
    run("snapshot", "Cats", "first")
    with pytest.raises(SnapshotExists, match="'first'"):
        run("snapshot", "Cats", "first")
    with pytest.raises(NotFound, match=r"no snapshot 'second'.*There are: 'first'"):
        run("diff", "Cats", "second")


def test_tags_come_and_go_with_coco_files_are_listed_and_choose_what_is_exported(cats: Path) -> None:
    document = json.loads(write_coco(cats / "tagged.json", "a.png").read_text())
    document["images"][0]["tags"] = ["night", "cafe\u0301", "night", 7, "x" * 65]
    (cats / "tagged.json").write_text(json.dumps(document))

    assert ", 2 tags" in run("import", "Cats", cats / "tagged.json", "--preview").output
    assert run("tags", "Cats").output == "", "a preview writes nothing"
    said = run("import", "Cats", cats / "tagged.json").output
    assert ", 2 tags" in said
    assert "left out tag of a.png: The tag 7 is no text." in said
    assert "has 65 characters" in said
    assert " tags" not in run("import", "Cats", cats / "tagged.json").output.splitlines()[0], "there already"
    assert run("tags", "Cats").output == "caf\u00e9\t1 image\nnight\t1 image\n"

    run("export", "Cats", "--which", "all", "--out", cats / "all.json")
    images = json.loads((cats / "all.json").read_text())["images"]
    assert [(image["file_name"], image.get("tags")) for image in images] == [
        ("a.png", ["caf\u00e9", "night"]),
        ("b.png", None),
    ]
    run("export", "Cats", "--which", "all", "--tag", "night", "--out", cats / "night.json")
    assert [image["file_name"] for image in json.loads((cats / "night.json").read_text())["images"]] == ["a.png"]

    run("snapshot", "Cats", "tagged")
    run("snapshot", "Cats", "tagged", "--out", cats / "tagged.json")
    assert (cats / "tagged.json").read_bytes() == (cats / "all.json").read_bytes()

    run("create", "Again")
    run("import", "Again", cats / "photos", cats / "all.json")
    assert run("tags", "Again").output == run("tags", "Cats").output
