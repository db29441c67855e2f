"""The one way to write a file that others may read: whole or not at all, and on the disk before anybody hears of it.

A file is written under a temporary name beside its target, synced, renamed over the target, and the folder is synced
too: after a power loss the old content is there or the new, never a part, and what was reported as written is there.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX = ".partial"  # of what is not finished
PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")  # names that `_partial` gives
PRIVATE = 0o600
SHARED = 0o666  # less what the umask takes away


@contextmanager
def replacing(path: Path, mode: int = SHARED) -> Iterator[Path]:
    """Write a file by its name: the block writes to the path it is given, which takes the place of ``path`` after it.

    Args:
        path: the file to make or replace; its folder must exist.
        mode: permissions of a new file, before the umask.

    Raises:
        OSError: nothing was replaced and nothing is left behind.
    """
    partial = _partial(path)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    granted = stat.S_IMODE(partial.stat().st_mode)
    try:
        yield partial
        if stat.S_IMODE(partial.stat().st_mode) != granted:  # some libraries make a file of their own in its place
            partial.chmod(granted)
        finish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def finish(partial: Path, path: Path) -> None:
    """Give a file that is written its name, for whoever writes one over several runs, as a download does.

    Raises:
        OSError: the file has its old name still.
    """
    _sync(partial)
    os.replace(partial, path)
    sync_folder(path.parent)


def write_file(path: Path, data: bytes | Iterable[bytes], mode: int = SHARED) -> None:
    """Make or replace a file by these bytes. What is no file, such as ``/dev/stdout``, is written to as it is.

    Raises:
        OSError: nothing was replaced and nothing is left behind.
    """
    if path.exists() and not path.is_file():
        _fill(path, data)
        return
    with replacing(path, mode) as partial:
        _fill(partial, data)


def write_new(path: Path, data: bytes | Path | Iterable[bytes], mode: int = SHARED) -> bool:
    """Make a file unless there is one of this name, also when several processes try at once.

    Returns:
        Whether it was made.

    Raises:
        OSError: nothing was made and nothing is left behind.
    """
    if path.exists():
        return False
    partial = _partial(path)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        if isinstance(data, Path):
            shutil.copyfile(data, partial)
        else:
            _fill(partial, data)
        _sync(partial)
        try:
            os.link(partial, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if path.exists():
                return False
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


@contextmanager
def new_folder(folder: Path, keep: Callable[[], bool] | None = None) -> Iterator[Path]:
    """Fill a folder that appears whole, with everything in it on the disk, or not at all.

    Args:
        folder: to be made; the folder it lies in is made when missing.
        keep: asked when there is such a folder by the time that the new one is full: whether the old one stays, or the
            new one takes its place. By default there must be none.

    Raises:
        OSError: among others when ``folder`` exists and is not empty; nothing is left behind.
    """
    make_folder(folder.parent)
    partial, outdated = _partial(folder), _partial(folder)
    partial.mkdir()
    try:
        yield partial
        for root, _, names in os.walk(partial):
            for name in names:
                _sync(Path(root, name))
            sync_folder(Path(root))
        if keep is not None and folder.exists():
            if keep():
                return
            os.replace(folder, outdated)
        os.replace(partial, folder)
    finally:
        for left in (partial, outdated):
            shutil.rmtree(left, ignore_errors=True)
    sync_folder(folder.parent)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, and those it lies in, so that a power loss does not take them away again."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, older_than_seconds: float, *, below: bool = True) -> int:
    """Remove what killed processes left unfinished in a folder, and in those below it; how many there were."""
    count = 0
    limit = time.time() - older_than_seconds
    for leftover in folder.glob(f"**/.*{SUFFIX}" if below else f".*{SUFFIX}"):
        with suppress(FileNotFoundError):
            if not PARTIAL.fullmatch(leftover.name):  # somebody else's
                continue
            if leftover.lstat().st_mtime > limit:
                continue
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink()
            count += 1
    return count


def _partial(path: Path) -> Path:
    """A name of its own for each writer; short, since that of the target may be as long as names can be."""
    return path.with_name(f".{secrets.token_hex(8)}{SUFFIX}")


def _fill(partial: Path, data: bytes | Iterable[bytes]) -> None:
    with partial.open("wb") as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            file.writelines(data)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
