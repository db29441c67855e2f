"""Folders of photos with masks: X.jpg beside X.json, in the form of SA-1B.

Every tenth photo, chosen by the hash of its bytes, is held out: never trained on, whichever folder it lies in. A JSON
may name that hash (`image.sha256`), as Limner's exports do: a photo stays where it was when it was converted.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile, InvalidRle
from limner.vocabulary import rle
from limner.vocabulary.counted import counted

HELD_OUT_EVERY = 10
LAYERS = 3  # nested masks go to at most three layers, whole to subpart
MAX_LABEL = 254
MAX_OVERLAP = 0.1  # a mask goes to the first layer of which it covers no more than this share of itself
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Photo:
    """One photo and its masks, not yet decoded."""

    image_path: Path
    source: str  # where it comes from, as its JSON says; otherwise the folder's name
    held_out: bool
    sha256: str  # of the photo as it was uploaded; decides whether it is held out
    segmentations: tuple[rle.Rle, ...]
    size: tuple[int, int]  # height, width

    def image(self) -> NDArray[np.uint8]:
        """RGB (H, W, 3).

        Raises:
            InvalidFile: when it cannot be decoded or its size is not the one in the JSON.
        """
        bgr = cv2.imread(str(self.image_path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise InvalidFile(f"{self.image_path} is no image that can be decoded.")
        if bgr.shape[:2] != self.size:
            raise InvalidFile(
                f"{self.image_path} is {counted(bgr.shape[1], 'pixel')} wide and {bgr.shape[0]} high.",
                hint=f"Its JSON says {self.size[1]} wide and {self.size[0]} high.",
            )
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def masks(self) -> list[NDArray[np.bool_]]:
        """All masks, (H, W) each."""
        return [rle.decode(segmentation) for segmentation in self.segmentations]


def find_photos(folders: Iterable[Path]) -> list[Photo]:
    """All photos of the folders, in a fixed order.

    Raises:
        InvalidFile: when a folder holds none, or a JSON is not in SA-1B's form or does not fit its photo.
    """
    photos: list[Photo] = []
    for folder in folders:
        documents = sorted(folder.glob("*.json"))
        if not documents:
            raise InvalidFile(
                f"{folder} holds no photos with masks.",
                hint="A source is a folder of pairs X.jpg and X.json, the JSON in the form of SA-1B.",
            )
        photos += [_read(document) for document in documents]
    return photos


def label_layers(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.uint8]:
    """Masks (H, W) that may nest -> (3, H, W): each pixel's mask number per layer, large masks first, 0 for none.

    A mask that overlaps masks of all three layers is left out.
    """
    height, width = masks[0].shape
    layers = np.zeros((LAYERS, height, width), np.uint8)
    last_label = [0] * LAYERS
    for mask in sorted(masks, key=lambda mask: -int(mask.sum())):
        area = int(mask.sum())
        for layer in range(LAYERS):
            covered = int(np.count_nonzero(layers[layer][mask]))
            if covered < MAX_OVERLAP * area and last_label[layer] < MAX_LABEL:
                last_label[layer] += 1
                layers[layer][mask] = last_label[layer]
                break
    return layers


class PhotoPool:
    """Photos to draw from, balanced over their sources. Label layers are kept, compressed, once they were made.

    Args:
        photos: at least one; held-out ones are left aside.
        balance: a source with n photos is drawn in proportion to n to this power,
        weights: times its weight, 1 where none is given.
        leave_out: sources to leave aside.

    Raises:
        InvalidFile: when nothing is left to train on.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        balance: float,
        weights: Mapping[str, float] | None = None,
        leave_out: Collection[str] = (),
    ):
        by_source: dict[str, list[Photo]] = {}
        for photo in photos:
            if not photo.held_out and photo.segmentations and photo.source not in leave_out:
                by_source.setdefault(photo.source, []).append(photo)
        if not by_source:
            raise InvalidFile("There is no photo with masks to train on.", hint="Held-out photos do not count.")
        self._sources = list(by_source.values())
        shares = np.array([(weights or {}).get(name, 1.0) * len(by_source[name]) ** balance for name in by_source])
        if not shares.sum() > 0 or shares.min() < 0:
            raise InvalidFile("No source of photos would ever be drawn.", hint="Weights are 0 or more, not all 0.")
        self._shares = shares / shares.sum()
        self._layers: dict[Path, bytes] = {}

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A photo (H, W, 3) and its label layers (3, H, W)."""
        photo = self.pick(rng)
        return photo.image(), self.labels(photo)

    def pick(self, rng: np.random.Generator) -> Photo:
        """A photo, not yet decoded."""
        source = self._sources[rng.choice(len(self._sources), p=self._shares)]
        return source[rng.integers(len(source))]

    def photos(self) -> Iterator[Photo]:
        """All that may be drawn."""
        return itertools.chain.from_iterable(self._sources)

    def labels(self, photo: Photo) -> NDArray[np.uint8]:
        """The label layers (3, H, W) of a photo."""
        stored = self._layers.get(photo.image_path)
        if stored is None:
            layers = label_layers(photo.masks())
            _, buffer = cv2.imencode(".png", np.ascontiguousarray(layers.transpose(1, 2, 0)))
            self._layers[photo.image_path] = buffer.tobytes()
            return layers
        decoded: Any = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(decoded.transpose(2, 0, 1))


def is_held_out(sha256: str) -> bool:
    """Whether the photo whose bytes have this hash, in hex, belongs to the part that is never trained on."""
    return int(sha256[:8], 16) % HELD_OUT_EVERY == 0


def _read(document: Path) -> Photo:
    try:
        content = json.loads(document.read_text("utf-8"))
        image, annotations = content["image"], content["annotations"]
        size = int(image["height"]), int(image["width"])
        segmentations = [annotation["segmentation"] for annotation in annotations]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(
            f"{document} is not in the form of SA-1B: {error!r}.",
            hint='It needs {"image": {"height", "width"}, "annotations": [{"segmentation": {"size", "counts"}}]}.',
        ) from error
    try:
        masks = tuple(rle.validate(segmentation, size) for segmentation in segmentations)
    except InvalidRle as error:
        raise InvalidFile(f"{document}: {error.message}", hint=error.hint) from error
    image_path = _image_beside(document, image.get("file_name"))
    sha256 = _sha256(image, image_path)
    return Photo(
        image_path=image_path,
        source=str(content.get("source") or document.parent.name),
        held_out=is_held_out(sha256),
        sha256=sha256,
        segmentations=tuple(mask for mask in masks if rle.area(mask)),
        size=size,
    )


def _image_beside(document: Path, file_name: str | None) -> Path:
    names = [file_name] if file_name else []
    names += [document.stem + suffix for suffix in IMAGE_SUFFIXES]
    for name in names:
        if (document.parent / Path(name).name).is_file():
            return document.parent / Path(name).name
    raise InvalidFile(f"There is no photo beside {document}.", hint=f"Expected {names[0]} in the same folder.")


def _sha256(image: dict[str, Any], path: Path) -> str:
    """Of the photo as it was uploaded, where the JSON says it, otherwise of the file."""
    named = image.get("sha256")
    if isinstance(named, str) and re.fullmatch("[0-9a-f]{64}", named):
        return named
    return hashlib.sha256(path.read_bytes()).hexdigest()
