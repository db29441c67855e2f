"""What a detector learns from: boxes and categories of objects, and where the embeddings of their images come from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.errors import InvalidInput
from limner.heads.detector import DetectorConfig
from limner.train.photos import is_held_out
from limner.vocabulary import rle
from limner.vocabulary.geometry import ImageGeometry

Read = Callable[[str], Mapping[str, NDArray[np.float32]]]
"""From the sha256 of an image to the features (1, C, h, w) of its stored embedding by the model."""

UNKNOWN = -1  # category of an object that has none
KEPT_BYTES = 1 << 30  # of features in memory; the others are read again


@dataclass(frozen=True)
class Example:
    """One image, its embedding not read yet.

    Attributes:
        sha256: of the image's file; decides whether it is held out.
        geometry: how it lies in the model's input.
        masks: of its objects, none of them empty; at least one.
        categories: index of each object's category, or ``UNKNOWN``.
        source: where it comes from, where images of several sources are learned from.
    """

    sha256: str
    geometry: ImageGeometry
    masks: tuple[rle.Rle, ...]
    categories: tuple[int, ...]
    source: str = ""

    @property
    def held_out(self) -> bool:
        """Whether it is one of those that nothing is trained on."""
        return is_held_out(self.sha256)

    def boxes(self) -> NDArray[np.float64]:
        """(M, 4): x0, y0, x1, y1 in model pixels."""
        corners = [(x, y, x + width, y + height) for x, y, width, height in map(rle.bbox, self.masks)]
        return self.geometry.to_model(np.asarray(corners, np.float64).reshape(-1, 2)).reshape(-1, 4)


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Those to learn from and those that are held out.

    Raises:
        InvalidInput: there is nothing to learn from.
    """
    learned = [each for each in examples if not each.held_out]
    if not learned:
        raise InvalidInput(
            f"There are no images with masks to learn from ({len(examples)} are held out).",
            hint="Draw objects on some more images: every tenth, by its hash, is only measured on.",
        )
    return learned, [each for each in examples if each.held_out]


def digest_of(examples: Sequence[Example]) -> str:
    """A sha256, in hex, that says whether two runs learn from the same."""
    digest = hashlib.sha256()
    for each in examples:
        digest.update(repr((each.sha256, each.geometry, each.categories, each.source)).encode())
        for mask in each.masks:
            digest.update(mask["counts"].encode() + b"\0")
    return digest.hexdigest()


class FeatureReader:
    """Features as tensors in 16 bits; what was read last stays in memory.

    Args:
        read: gives them.
        config: which ones are wanted.
        keep: bytes in memory at most.
    """

    def __init__(self, read: Read, config: DetectorConfig, keep: int = KEPT_BYTES) -> None:
        self._read, self._config, self._keep = read, config, keep
        self._known: OrderedDict[str, dict[str, Tensor]] = OrderedDict()
        self._bytes = 0

    def __call__(self, sha256: str) -> dict[str, Tensor]:
        """(C, h, w) by name, float16.

        Raises:
            InvalidInput: the embedding is one by another model.
        """
        if sha256 in self._known:
            self._known.move_to_end(sha256)
            return self._known[sha256]
        found = self._read(sha256)
        features = {}
        for spec in self._config.features:
            values = found.get(spec.name)
            if values is None or values.shape != spec.shape:
                shapes = ", ".join(f"{name} {tuple(each.shape)}" for name, each in found.items())
                raise InvalidInput(
                    f"The embedding of the image {sha256[:12]}… is of another model: it has {shapes or 'nothing'}, "
                    f"not {spec.name} {spec.shape}.",
                    hint="Have the images encoded by the model that the detector is for.",
                )
            features[spec.name] = torch.from_numpy(values[0].astype(np.float16))
        self._known[sha256] = features
        self._bytes += _size(features)
        while self._bytes > self._keep and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._bytes -= _size(oldest)
        return features


def statistics(reader: FeatureReader, examples: Sequence[Example], at_most: int = 64) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of all features' channels where the images are, over examples spread evenly over all:
    those of one source may stand together.
    """
    sums: list[Tensor] = []
    chosen = np.linspace(0, len(examples) - 1, min(len(examples), at_most)).round().astype(int)
    for each in (examples[index] for index in chosen):
        height, width = each.geometry.input_size
        side = each.geometry.image_size
        parts = []
        for values in reader(each.sha256).values():
            _, rows, columns = values.shape
            seen = values[:, : max(1, rows * height // side), : max(1, columns * width // side)].float()
            parts.append(torch.stack([seen.mean((1, 2)), seen.square().mean((1, 2))]))
        sums.append(torch.cat(parts, 1))  # (2, channels)
    mean, squares = torch.stack(sums).mean(0)
    return mean, (squares - mean.square()).clamp_min(0).sqrt()


def _size(features: Mapping[str, Tensor]) -> int:
    return sum(values.numel() * values.element_size() for values in features.values())
