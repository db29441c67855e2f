"""Folders of photos as one small file, to take to a rented machine: ``python -m limner.train.pack OUT.zip FOLDER …``.

A pack is a ZIP of pairs X.jpg, X.json in SA-1B's form: the photos shrunk and stored again as JPEG, their masks shrunk
with them, and the hash of the original file, so that what is held out stays held out.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.atomic import make_folder, new_folder, replacing
from limner.errors import InvalidFile, LimnerError
from limner.train.photos import Photo, find_photos
from limner.vocabulary import rle
from limner.vocabulary.counted import counted

MEGABYTES = 40
SIDE = 512  # px, longest side of a packed photo
QUALITIES = (92, 87, 80, 72, 64, 55, 45)  # of the JPEGs, best first
PROBE_EVERY = 12  # every so manieth photo is encoded to choose the quality
MARGIN = 0.95  # of the size that the chosen quality may be expected to need
CHUNK = 64  # photos encoded before they are written

Pair = tuple[bytes, bytes]  # JPEG, JSON
Original = tuple[Photo, str]  # a photo and the SHA-256 of the file that it once was, in hex


def pack_photos(folders: Sequence[Path], out: Path, megabytes: float = MEGABYTES, side: int = SIDE) -> int:
    """Write the photos of the folders into one file of at most so many megabytes (10⁶ bytes); returns how many.

    Raises:
        InvalidFile: see `find_photos`, and when they do not fit at the lowest quality.
    """
    originals = [original for folder in folders for original in _originals(folder)]
    if not originals:
        raise InvalidFile("No folder of photos is named.", hint="For example PHOTOS='a b', as for [photos] folders.")
    quality = _quality(originals, megabytes, side)
    make_folder(out.parent)
    with replacing(out) as partial:
        with zipfile.ZipFile(partial, "w") as archive:
            count = 0
            for jpeg, document in _encoded(originals, side, quality):
                name = f"{count:06d}"
                archive.writestr(zipfile.ZipInfo(f"{name}.jpg"), jpeg)
                archive.writestr(zipfile.ZipInfo(f"{name}.json"), document, zipfile.ZIP_DEFLATED)
                count += 1
        if partial.stat().st_size > megabytes * 1e6:
            raise _too_large(originals, megabytes)
    return count


def unpack_photos(pack: Path, folder: Path) -> None:
    """Write the pairs of a pack into a folder, which appears whole or not at all.

    Raises:
        InvalidFile: when it is no pack.
    """
    try:
        with new_folder(folder) as partial, zipfile.ZipFile(pack) as archive:
            for entry in archive.infolist():
                (partial / Path(entry.filename).name).write_bytes(archive.read(entry))
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidFile(
            f"{pack} is no pack of photos: {error}", hint="python -m limner.train.pack makes one."
        ) from error


def _originals(folder: Path) -> Iterator[Original]:
    for photo in find_photos([folder]):
        yield photo, photo.sha256


def _quality(originals: Sequence[Original], megabytes: float, side: int) -> int:
    """The best quality at which all will fit, judged by some of them."""
    probe = originals[::PROBE_EVERY]
    for quality in QUALITIES:
        size = sum(len(jpeg) + len(document) / 2 for jpeg, document in _encoded(probe, side, quality))
        if size * len(originals) / len(probe) <= MARGIN * megabytes * 1e6:
            return quality
    raise _too_large(originals, megabytes)


def _too_large(originals: Sequence[Original], megabytes: float) -> InvalidFile:
    return InvalidFile(
        f"{len(originals)} photos do not fit into {megabytes:g} MB.", hint="Name fewer folders, or a smaller --side."
    )


def _encoded(originals: Sequence[Original], side: int, quality: int) -> Iterator[Pair]:
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(originals), CHUNK):
            yield from pool.map(lambda original: _pair(original, side, quality), originals[start : start + CHUNK])


def _pair(original: Original, side: int, quality: int) -> Pair:
    photo, sha256 = original
    image: NDArray[Any] = photo.image()
    masks = photo.masks()
    height, width = photo.size
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        masks = [_shrunk(mask, size) for mask in masks]
    _, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    content = {
        "image": {"height": size[1], "width": size[0], "sha256": sha256},
        "source": photo.source,
        "annotations": [{"segmentation": rle.encode(mask)} for mask in masks if mask.any()],
    }
    return jpeg.tobytes(), json.dumps(content, separators=(",", ":")).encode()


def _shrunk(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels at least half covered; size (width, height)."""
    covered: NDArray[Any] = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return covered > 127


def main() -> int:
    """Pack the folders that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m limner.train.pack", description="Photos with masks as one file.")
    parser.add_argument("out", type=Path, help="the ZIP to write")
    parser.add_argument("folders", type=Path, nargs="*", help="folders of pairs X.jpg, X.json in SA-1B's form")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES)
    parser.add_argument("--side", type=int, default=SIDE, help="px, longest side of a packed photo")
    arguments = parser.parse_args()
    try:
        count = pack_photos(arguments.folders, arguments.out, arguments.megabytes, arguments.side)
    except LimnerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{arguments.out}: {counted(count, 'photo')}, {arguments.out.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
