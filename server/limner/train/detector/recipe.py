"""A detector of no project, trained on folders of photos with masks as a TOML file says, as the one that ships was.

Photos are encoded once, into a folder of the run, so that a run that is stopped goes on where it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from limner.atomic import make_folder, replacing
from limner.errors import InvalidFile
from limner.heads.detector import DetectorConfig
from limner.sam.model import ModelConfig
from limner.segment.predictor import Predictor
from limner.train.config import read_toml
from limner.train.detector.examples import UNKNOWN, Example
from limner.train.photos import Photo


@dataclass(frozen=True)
class Recipe:
    """What a detector is made of.

    Attributes:
        name: of the detector.
        sources: where the photos come from, for people.
        model: name of the model whose embeddings it reads.
        model_sha256: of that model's weights, which must be these.
        steps: of training.
        seed: of its chance.
        widths: channels of the four grids.
        head: channels of the layers that all grids share.
        balance: a source (books, food …) with n photos is drawn in proportion to n to this power,
        weights: times its weight, 1 where none is given.
        examples_sha256: of what is learned from, where it has to be the same; as the command prints it.
    """

    name: str
    sources: str
    model: str
    model_sha256: str
    steps: int
    seed: int = 0
    widths: tuple[int, int, int, int] = (64, 96, 128, 128)
    head: int = 64
    balance: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)
    examples_sha256: str | None = None

    def shape(self, model: ModelConfig) -> DetectorConfig:
        """The network's shape for this model; it tells no categories apart."""
        return DetectorConfig(model.image_size, model.features, 0, self.widths, self.head)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InvalidFile: it is missing, no TOML, or a key is missing, unknown or of the wrong kind or size.
    """
    recipe = read_toml(Recipe, path)
    if recipe.steps < 1 or recipe.seed < 0 or not 0 <= recipe.balance <= 1:
        raise InvalidFile(f"{path}: steps are 1 or more, the seed 0 or more, balance lies from 0 to 1.")
    if not all(weight >= 0 for weight in recipe.weights.values()):
        raise InvalidFile(f"{path}: weights are 0 or more.")
    return recipe


def examples_of(photos: Sequence[Photo], model: ModelConfig) -> list[Example]:
    """The photos that have masks, as a detector learns from them: objects without categories."""
    return [
        Example(
            photo.sha256,
            model.geometry(*photo.size),
            photo.segmentations,
            (UNKNOWN,) * len(photo.segmentations),
            photo.source,
        )
        for photo in photos
        if photo.segmentations
    ]


def balanced(examples: Sequence[Example], balance: float, weights: Mapping[str, float], seed: int) -> list[Example]:
    """As many examples, those of large sources less often and those of small ones more often than once.

    Training goes through the list again and again, so that how often one is in it is how often it is drawn.

    Args:
        examples: of any sources.
        balance: a source with n of them gets a share in proportion to n to this power,
        weights: times its weight, 1 where none is given.
        seed: decides which ones are in it once more than others.

    Raises:
        InvalidFile: a weight is of a source that there is not, or nothing is left.
    """
    sources: dict[str, list[Example]] = defaultdict(list)
    for each in examples:
        sources[each.source].append(each)
    if unknown := sorted(set(weights) - set(sources)):
        raise InvalidFile(
            f"There are no photos of {', '.join(unknown)}, which the recipe has a weight for.",
            hint=f"There are photos of: {', '.join(sorted(sources)) or 'nothing'}.",
        )
    shares = {name: weights.get(name, 1.0) * len(part) ** balance for name, part in sources.items()}
    total = sum(shares.values())
    chosen: list[Example] = []
    for number, (name, part) in enumerate(sorted(sources.items())):
        count = round(len(examples) * shares[name] / total) if total else 0
        order = np.random.default_rng((seed, 3, number)).permutation(len(part))
        chosen += [part[int(order[place % len(part)])] for place in range(count)]
    if not chosen:
        raise InvalidFile(
            "No photo would ever be drawn.", hint="Give photos that are not held out, and weights above 0."
        )
    return chosen


class EncodedPhotos:
    """Embeddings of photos in a folder, in 16 bits, by the photo's sha256.

    Args:
        folder: of one model's embeddings.
        predictor: that model.
    """

    def __init__(self, folder: Path, predictor: Predictor) -> None:
        self._folder, self._predictor = folder, predictor
        make_folder(folder)

    def add(self, photo: Photo) -> None:
        """Encode a photo, unless that was done."""
        path = self._path(photo.sha256)
        if path.is_file():
            return
        features = self._predictor.embed(photo.image()).features
        # As they are in memory, channels may come last: the file has no place to say so.
        arrays = {name: np.ascontiguousarray(values.cpu().numpy(), np.float16) for name, values in features.items()}
        with replacing(path) as partial:
            save_file(arrays, partial)

    def read(self, sha256: str) -> Mapping[str, NDArray[np.float32]]:
        """The features (1, C, h, w) of a photo by name."""
        return {name: values.astype(np.float32) for name, values in load_file(self._path(sha256)).items()}

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.safetensors"
