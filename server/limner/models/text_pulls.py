"""Fetching a detector that reads text: file by file, each checked, and installed as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from limner.atomic import make_folder, new_folder
from limner.errors import Conflict
from limner.models.catalogue import sha256_of
from limner.models.download import Progress, download
from limner.models.pulls import FOLDER as DOWNLOADS
from limner.models.text_catalogue import HOST, KnownTextDetector, PinnedFile
from limner.models.text_detectors import FOLDER


def pull_text_detector(known: KnownTextDetector, home: Path, progress: Progress, *, host: str = HOST) -> Path:
    """Download, check and install a text detector; waits for whoever is at it already.

    What has arrived stays below ``<home>/downloads`` until all is there, so that the next attempt goes on with it.

    Args:
        known: which one.
        home: where it is installed.
        progress: told how many bytes of all files are there.
        host: that publishes the repository.

    Returns:
        Its folder.

    Raises:
        Conflict: it is installed already, or something else is called so.
        NoNetwork, NotFound, WrongWeights, StorageFull: as :func:`limner.models.download.download`.
    """
    folder = home / FOLDER / known.name
    if folder.exists():
        raise Conflict(f"{known.name} is installed already.", hint=f"To fetch it anew, remove {folder} first.")
    make_folder(home, mode=0o700)
    arriving = home / DOWNLOADS / f"text-{known.name}"
    make_folder(arriving)
    with FileLock(arriving.with_suffix(".lock")):  # two that write one part would spoil it
        done = 0
        for file in known.files:
            target = arriving / file.name
            if not (target.is_file() and sha256_of(target) == file.sha256):
                _fetch(known, file, host, target, _beginning_at(done, progress), folder)
            done += file.size
            progress(done)
        if folder.exists():
            raise Conflict(f"{known.name} was installed meanwhile.")
        make_folder(folder.parent)
        with new_folder(folder) as fresh:
            for file in known.files:
                (arriving / file.name).rename(fresh / file.name)
        arriving.rmdir()
    return folder


def _fetch(
    known: KnownTextDetector, file: PinnedFile, host: str, target: Path, progress: Progress, folder: Path
) -> None:
    names = ", ".join(each.name for each in known.files)
    source = f"{host}/{known.repository}/tree/{known.revision}"
    by_hand = f"fetch {names} from {source} on a machine with internet and bring them here, into {folder}"
    download(known.url(file, host), target, file.sha256, file.size, progress, by_hand)


def _beginning_at(before: int, progress: Progress) -> Progress:
    return lambda done: progress(before + done)
