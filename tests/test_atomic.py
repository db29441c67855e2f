"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from limner.atomic import SUFFIX, new_folder, remove_leftovers, replacing, write_file, write_new


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_file(path, b"old")
    write_file(path, iter([b"ne", b"w"]))
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == [path.name]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_bytes(b"half")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_those_that_were_asked_for(tmp_path: Path) -> None:
    write_file(tmp_path / "private", b"", mode=0o600)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_of_many_who_make_one_file_one_does(tmp_path: Path) -> None:
    made: list[int] = []
    start = threading.Barrier(8)

    def make(number: int) -> None:
        start.wait()
        if write_new(tmp_path / "file", str(number).encode()):
            made.append(number)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (tmp_path / "file").read_text() == str(made[0])
    assert names(tmp_path) == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "folder") as fresh:
        (fresh / "inner").mkdir()
        (fresh / "inner" / "file").write_bytes(b"x")
        assert not (tmp_path / "a" / "folder").exists()
    assert (tmp_path / "a" / "folder" / "inner" / "file").read_bytes() == b"x"

    def fail() -> None:
        with new_folder(tmp_path / "a" / "other") as fresh:
            (fresh / "file").write_bytes(b"x")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert names(tmp_path / "a") == ["folder"]


def test_what_killed_processes_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    old, fresh = tmp_path / "x" / f".{'0a' * 8}{SUFFIX}", tmp_path / f".{'1b' * 8}{SUFFIX}"
    foreign = [tmp_path / "mine.partial", tmp_path / ".somebody.partial"]
    old.mkdir(parents=True)
    (old / "file").touch()
    for path in (fresh, *foreign):
        path.touch()
    day_ago = time.time() - 86_400
    for path in (old, *foreign):
        os.utime(path, (day_ago, day_ago))
    assert remove_leftovers(tmp_path, 3600, below=False) == 0
    assert remove_leftovers(tmp_path, 3600) == 1
    assert names(tmp_path) == sorted([fresh.name, *(path.name for path in foreign), "x"])
