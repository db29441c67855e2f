"""Photos of one domain, parted into what is annotated and learned from, and what is measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from limner.atomic import new_folder
from limner.errors import InvalidInput
from limner.train.evaluation import SMALLEST_IN_SCENE
from limner.train.photos import Photo, find_photos, is_held_out
from limner.train.projects import write_photo
from limner.train.scenes import SceneGenerator
from limner.vocabulary import rle
from limner.vocabulary.counted import counted

SCENES = "scenes"  # the domain that is made when none is given
SCENE_SIDE = 384  # px
SCENE_SEED = 2**41  # of no run that trains Samlet


@dataclass(frozen=True)
class Domain:
    """Photos with known masks.

    Attributes:
        name: of the domain.
        rounds: photos that are annotated and learned from, round by round.
        measured: photos that nothing learns from; the same ones for every round.
    """

    name: str
    rounds: Sequence[Sequence[Photo]]
    measured: Sequence[Photo]


def open_domain(name: str, folder: Path, rounds: int, images: int, measured: int, most: int) -> Domain:
    """The photos of a folder, in the order of their files' hashes.

    What is measured on are photos that are held out by their hash, as everywhere in Limner: models that come with it
    have not learned from them either. Where these are too few, others are taken, which nothing here learns from.

    Args:
        name: of the domain.
        folder: of pairs X.jpg and X.json, the JSON in the form of SA-1B.
        rounds: of learning.
        images: that are annotated for each.
        measured: photos to measure on.
        most: masks of a photo that is used; others are left out.

    Raises:
        InvalidFile: the folder holds no such pairs.
        InvalidInput: there are too few of them.
    """
    photos = [photo for photo in find_photos([folder]) if 0 < len(photo.segmentations) <= most]
    needed = rounds * images + measured
    if len(photos) < needed:
        raise InvalidInput(
            f"{folder} has {counted(len(photos), 'photo')} with 1 to {counted(most, 'mask')}, and {needed} are needed.",
            hint=f"That is {rounds} × {images} to learn from and {measured} to measure on: ask for fewer images.",
        )
    ordered = sorted(photos, key=lambda photo: photo.sha256)
    held_out = [photo for photo in ordered if photo.held_out]
    others = [photo for photo in ordered if not photo.held_out]
    if len(others) < rounds * images:
        raise InvalidInput(
            f"{folder} has {counted(len(others), 'photo')} beside those held out, and "
            f"{rounds * images} are needed to learn from.",
            hint="Every tenth photo, by the hash of its file, is only measured on.",
        )
    learned, left = others[: rounds * images], others[rounds * images :]
    parts = [learned[start : start + images] for start in range(0, rounds * images, images)]
    return Domain(name, parts, [*held_out, *left][:measured])


def write_scenes(folder: Path, learned: int, measured: int) -> None:
    """Write generated scenes as photos with masks, enough to learn from so many and to measure on so many.

    Always the same ones. The folder appears whole or not at all; what is there already stays.
    """
    if folder.is_dir():
        return
    generator = SceneGenerator(SCENE_SEED)
    with new_folder(folder) as fresh:
        number, counts = 0, [0, 0]  # those that are learned from, and those that are held out
        while counts[0] < learned or sum(counts) < learned + measured:
            scene = generator.scene(number, SCENE_SIDE)
            number += 1
            masks = [rle.encode(mask) for mask in scene.masks(4 * SMALLEST_IN_SCENE)]
            if not masks:
                continue
            _, buffer = cv2.imencode(".png", scene.image[..., ::-1])
            data = buffer.tobytes()
            sha256 = hashlib.sha256(data).hexdigest()
            write_photo(fresh, sha256, (SCENE_SIDE, SCENE_SIDE), data, masks, SCENES)
            counts[is_held_out(sha256)] += 1
