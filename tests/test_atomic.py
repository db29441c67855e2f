"""Files that appear whole or not at all."""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import limner
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


def test_of_an_outdated_folder_nothing_stays_and_a_good_one_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for content, stays in (("old", False), ("new", False), ("late", True)):
        with new_folder(folder, keep=lambda stays=stays: stays) as fresh:  # type: ignore[misc]
            (fresh / content).touch()
    assert names(folder) == ["new"]
    assert names(tmp_path) == ["folder"]

    def fill_again() -> None:
        with new_folder(folder) as fresh:
            (fresh / "other").touch()

    with pytest.raises(OSError, match="not empty"):
        fill_again()
    assert (names(folder), names(tmp_path)) == (["new"], ["folder"])


def test_a_library_that_makes_a_file_of_its_own_leaves_the_permissions(tmp_path: Path) -> None:
    with replacing(tmp_path / "file", mode=0o640) as partial:
        partial.unlink()
        partial.touch(0o600)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, b"figures")
    reader.join(10)
    assert (read, names(tmp_path)) == ([b"figures"], ["pipe"])


# Functions that write where they are told to: into what `limner.atomic` gave to their callers, or into scratch folders.
WRITE_WHERE_THEY_ARE_TOLD = {
    "server/limner/formats/files.py:zip_chunks": "an entry of an archive, in memory",
    "server/limner/models/checkpoints.py:write_state": "install_file gives a fresh folder",
    "server/limner/models/download.py:_fetch_from": "a part to which the next run appends",
    "server/limner/train/loop.py:__init__": "a log that every step appends to",
    "server/limner/train/projects.py:write_photo": "who calls it gives a fresh folder",
    "server/limner/bench/browser.py:run": "a folder that is thrown away",
    "server/limner/bench/memory.py:_start_peak": "a file of the kernel",
    "server/limner/bench/sleeping_worker.py:_note": "a log in a home that is thrown away",
    "server/limner/bench/sleeping_worker.py:_write_manifest": "a home that is thrown away",
    "export/limner_onnx/exporter.py:write_graphs": "export_model gives a fresh folder",
}
SCOPES = {"replacing", "new_folder", "TemporaryDirectory"}
METHODS = {"write_text", "write_bytes", "mkstemp", "NamedTemporaryFile", "fsync", "save_file"}


def _writes(call: ast.Call) -> bool:
    """Whether a call writes, names or syncs a file by itself."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    owner = function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""
    inside = [each for argument in call.args for each in ast.walk(argument)]
    strings = [each.value for each in inside if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    in_memory = any(isinstance(each, ast.Name) and each.id == "buffer" for each in call.args)
    if name in METHODS or (owner, name) in {("os", "replace"), ("torch", "save"), ("np", "savez"), ("shutil", "move")}:
        return True
    if name in {"replace", "rename"} and len(call.args) == 1 and not call.keywords:  # of a path; others take more
        return owner not in {"dataclasses"}
    if name == "save":
        return bool(strings) and not in_memory
    return name == "open" and any(set(mode) & set("wax+") and len(mode) <= 3 for mode in strings)


def _found(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(function, line) of the calls that write outside of a block of ``limner.atomic`` or a scratch folder."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.With) and any(
            isinstance(each, ast.Call) and getattr(each.func, "attr", getattr(each.func, "id", "")) in SCOPES
            for item in node.items
            for each in ast.walk(item.context_expr)
        ):
            return
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call) and _writes(node):
            yield function, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function)

    yield from walk(tree, "")


def test_files_are_written_in_one_way_only() -> None:
    """Whoever writes a file that others may read does so through ``limner.atomic``, or is listed with the reason."""
    root = Path(limner.__file__).parents[2]
    found = set()
    for module in [*(root / "server/limner").rglob("*.py"), *(root / "export").rglob("*.py")]:
        if module.name == "atomic.py":
            continue
        for function, line in _found(ast.parse(module.read_text("utf-8"))):
            found.add((f"{module.relative_to(root).as_posix()}:{function}", line))
    by_hand = sorted(f"{place} (line {line})" for place, line in found if place not in WRITE_WHERE_THEY_ARE_TOLD)
    assert by_hand == []
    assert WRITE_WHERE_THEY_ARE_TOLD.keys() == {place for place, _ in found}
