"""Batch number i of a run: the same however often the run is interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from limner.errors import InvalidFile
from limner.sam.model import PIXEL_MEAN, PIXEL_STD
from limner.train.augment import letterboxed, paste_cut_out, random_view
from limner.train.config import Size, TrainConfig
from limner.train.photos import PhotoPool, find_photos
from limner.train.scenes import Scene, SceneGenerator
from limner.train.targets import Target, choose_targets

_SIZES, _IMAGES = 10, 11  # streams of random numbers, apart from each other and from those of the scenes
EMBEDDING_STRIDE = 8
EDGE_STRIDE = 4
MOST_ATTEMPTS = 1000  # images in a row, at most, of which a batch is made
_NONE = torch.empty(0)
_NORMALISED = ((np.arange(256) - np.array(PIXEL_MEAN)[:, None]) / np.array(PIXEL_STD)[:, None]).astype(np.float16)
"""(RGB, 256): every byte normalised."""

Labelled = tuple[NDArray[Any], NDArray[Any], bool]  # image (h, w, 3), labels (3, h, w), whether everything is labelled


class Batch(NamedTuple):
    """B images of side S and P = B · per_image targets, those of one image in a row."""

    images: Tensor  # (B, 3, S, S) float16, normalised, padding zero; (0,) where there are embeddings
    embeddings: dict[str, Tensor]  # (B, C, h, w) each, of a frozen encoder; none where there are images
    labels: Tensor  # (B, 3, S/8, S/8) uint8, sampled at the centres of the embedding's cells
    edges: Tensor  # (B, 2, S/4, S/4) bool: outlines of wholes, outlines of everything
    complete: Tensor  # (B,) bool, whether everything in the image is labelled
    masks: Tensor  # (P, 3, S/stride, S/stride) uint8, the intended mask first
    present: Tensor  # (P, 3) float32
    clicks: Tensor  # (P, 2) float32, model pixels
    boxes: Tensor  # (P, 4) float32, model pixels
    prompts: Tensor  # (P,) int64, see FirstPrompt

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = {
            name: value.to(device, non_blocking=True) for name, value in self._asdict().items() if name != "embeddings"
        }
        embeddings = {name: value.to(device, non_blocking=True) for name, value in self.embeddings.items()}
        return Batch(**moved, embeddings=embeddings)


def nothing_to_learn_from() -> InvalidFile:
    """What to say after `MOST_ATTEMPTS` images without a mask to ask for."""
    return InvalidFile("No mask is large enough to learn from.", hint="Masks need 16 pixels and 0.05 % of their image.")


class BatchDataset(Dataset[Batch]):
    """Batches by step number, for one of several processes.

    Raises:
        InvalidFile: see `find_photos` and `PhotoPool`; and when a batch is asked for, but no mask is large enough.
    """

    def __init__(self, config: TrainConfig, rank: int = 0, processes: int = 1):
        self.config, self.rank, self.processes = config, rank, processes
        self.scenes = SceneGenerator(config.run.seed, config.scenes.scenes_per_pattern) if config.scenes else None
        self._last_scene: tuple[tuple[int, int], Scene] | None = None
        self.photos = None
        if config.photos:
            photos, how = find_photos(config.photos.folders), config.photos
            self.photos = PhotoPool(photos, how.balance, how.weights, config.validation.leave_out)
        scenes_share = config.scenes.share if config.scenes else 0.0
        photos_share = config.photos.share if config.photos else 0.0
        self._photo_probability = photos_share / (scenes_share + photos_share)

    def __len__(self) -> int:
        return self.config.schedule.steps

    def __getitem__(self, step: int) -> Batch:
        size = step_size(self.config, step)
        rng = np.random.default_rng([self.config.run.seed, _IMAGES, self.rank, step])
        most = max(option.images for option in self.config.sizes)
        first_scene = (step * self.processes + self.rank) * most
        images: list[Labelled] = []
        targets: list[Target] = []
        scenes = 0  # images made of scenes so far
        reuse = self.config.scenes.reuse if self.config.scenes else 1
        for _ in range(MOST_ATTEMPTS):
            if len(images) == size.images:
                break
            image, labels, complete = self._labelled(rng, first_scene + scenes // reuse, size.size)
            chosen = choose_targets(rng, padded(labels, size.size), self.config.prompts)
            if not chosen:  # an empty scene: take the next one
                first_scene += most * len(self) * self.processes
                continue
            images.append((image, labels, complete))
            scenes += complete
            targets += chosen
        else:
            raise nothing_to_learn_from()
        return make_batch(images, targets, size.size)

    def _labelled(self, rng: np.random.Generator, scene: int, size: int) -> Labelled:
        """Image (h, w, 3) and labels (3, h, w), h and w at most `size`, and whether the labels are complete."""
        paste = self.config.photos.paste if self.config.photos else 0.0
        if self.photos is not None and (self.scenes is None or rng.random() < self._photo_probability):
            image, labels = random_view(rng, *self.photos.draw(rng), size)
            complete = False
        else:
            image, labels = self._view_of_scene(rng, scene, size)
            complete = True
            if rng.random() < 0.4:
                image, labels = letterboxed(rng, image, labels)
        if self.photos is not None and rng.random() < paste:
            for _ in range(int(rng.integers(1, 4))):
                image, labels = paste_cut_out(rng, image, labels, *self.photos.draw(rng))
        return image, labels, complete

    def _view_of_scene(self, rng: np.random.Generator, scene: int, size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The scene as it is, or a crop of it when each is used several times; the last one is kept for that."""
        assert self.scenes is not None, "the configuration names at least one source"
        if self._last_scene is None or self._last_scene[0] != (scene, size):
            self._last_scene = (scene, size), self.scenes.scene(scene, size)
        generated = self._last_scene[1]
        if self.config.scenes is None or self.config.scenes.reuse == 1:
            return generated.image, generated.labels
        return random_view(rng, generated.image, generated.labels, size)


def step_size(config: TrainConfig, step: int) -> Size:
    """The image size of a step, the same in all processes, so that none waits for the others."""
    rng = np.random.default_rng([config.run.seed, _SIZES, step])
    shares = np.array([size.share for size in config.sizes])
    return config.sizes[rng.choice(len(shares), p=shares / shares.sum())]


def padded(labels: NDArray[Any], size: int) -> NDArray[Any]:
    """Labels (3, h, w) -> (3, size, size), nothing at the bottom and right."""
    _, height, width = labels.shape
    return np.pad(labels, ((0, 0), (0, size - height), (0, size - width)))


def make_batch(
    images: Sequence[Labelled], targets: Sequence[Target], size: int, embeddings: dict[str, Tensor] | None = None
) -> Batch:
    """Images with their labels, the targets of one image in a row; `embeddings` stand for the images."""
    labels = np.stack([padded(labels, size) for _, labels, _ in images])  # (B, 3, S, S)
    half = EMBEDDING_STRIDE // 2
    return Batch(
        images=_NONE if embeddings else stacked([image for image, _, _ in images], size),
        embeddings=embeddings or {},
        labels=torch.from_numpy(labels[:, :, half::EMBEDDING_STRIDE, half::EMBEDDING_STRIDE].copy()),
        edges=torch.from_numpy(np.stack([_edges(layers) for layers in labels])),
        complete=torch.tensor([complete for _, _, complete in images]),
        masks=torch.from_numpy(np.stack([target.masks for target in targets])),
        present=torch.from_numpy(np.stack([target.present for target in targets])),
        clicks=torch.from_numpy(np.stack([target.click for target in targets])),
        boxes=torch.from_numpy(np.stack([target.box for target in targets])),
        prompts=torch.tensor([int(target.prompt) for target in targets]),
    )


def stacked(images: Sequence[NDArray[Any]], size: int) -> Tensor:
    """Images (h, w, 3), at most `size` high and wide -> (B, 3, size, size) float16, normalised and padded."""
    return torch.from_numpy(np.stack([_normalised(image, size) for image in images]))


def _normalised(image: NDArray[Any], size: int) -> NDArray[np.float16]:
    """(h, w, 3) uint8 -> (3, S, S) float16; the padding is zero after normalisation, as SAM has it."""
    height, width = image.shape[:2]
    square = np.zeros((3, size, size), np.float16)
    for channel, values in enumerate(_NORMALISED):
        square[channel, :height, :width] = values[image[..., channel]]
    return square


def _edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """(3, S, S) -> (2, S/4, S/4): where wholes meet, and where anything meets anything."""
    wide = labels.astype(np.int32)
    finest = (wide[0] << 16) + (wide[1] << 8) + wide[2]
    small = []
    for layer in (wide[0], finest):
        edge = np.zeros(layer.shape, np.uint8)
        across, down = layer[:, 1:] != layer[:, :-1], layer[1:] != layer[:-1]
        edge[:, 1:] |= across
        edge[:, :-1] |= across
        edge[1:] |= down
        edge[:-1] |= down
        quarter = layer.shape[1] // EDGE_STRIDE, layer.shape[0] // EDGE_STRIDE
        small.append(cv2.resize(edge * 255, quarter, interpolation=cv2.INTER_AREA) > 40)
    return np.stack(small)
