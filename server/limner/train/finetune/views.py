"""Batches for fine-tuning: views of photos, fresh ones at every step or, for a frozen encoder, a few of each photo."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from tqdm import tqdm

from limner.errors import InvalidFile
from limner.sam.model import PromptableModel
from limner.train.augment import random_view, resized
from limner.train.batches import (
    MOST_ATTEMPTS,
    Batch,
    Labelled,
    make_batch,
    nothing_to_learn_from,
    padded,
    stacked,
    step_size,
)
from limner.train.config import TrainConfig
from limner.train.finetune.embeddings import EmbeddingCache
from limner.train.photos import Photo, PhotoPool
from limner.train.targets import Target, choose_targets
from limner.vocabulary.geometry import Fit

_STEPS, _VIEWS = 20, 21  # streams of random numbers

View = tuple[NDArray[Any], NDArray[Any]]  # image (h, w, 3) and labels (3, h, w)


class ViewBatches(Dataset[Batch]):
    """Batches by step number.

    Args:
        config: seed, sizes, prompts.
        pool: the photos to learn from.
        stride: model pixels per cell of the model's masks.
        fit: how the model has an image fill its square, as in use: views are stretched where images are.
        views: of each photo, the first of which is the whole; fresh ones at every step when None.
        cache: where the embeddings of these views are; images are batched when None.
    """

    def __init__(
        self,
        config: TrainConfig,
        pool: PhotoPool,
        stride: int,
        views: int | None = None,
        cache: EmbeddingCache | None = None,
        fit: Fit = "pad",
    ) -> None:
        self.config, self.pool, self.stride, self.fit = config, pool, stride, fit
        self.views, self.cache = views, cache

    def __len__(self) -> int:
        return self.config.schedule.steps

    def __getitem__(self, step: int) -> Batch:
        size = step_size(self.config, step)
        rng = np.random.default_rng([self.config.run.seed, _STEPS, step])
        images: list[Labelled] = []
        targets: list[Target] = []
        for _ in range(MOST_ATTEMPTS):
            if len(images) == size.images:
                break
            photo = self.pool.pick(rng)
            if self.views is None:
                image, labels = self._fitted(random_view(rng, *self._labelled(photo), size.size), size.size)
            else:
                image, labels = self.view(photo, int(rng.integers(self.views)), size.size)
            chosen = choose_targets(rng, padded(labels, size.size), self.config.prompts, self.stride)
            if chosen:
                images.append((image, labels, False))
                targets += chosen
        else:
            raise nothing_to_learn_from()
        return make_batch(images, targets, size.size, self._embeddings(images) if self.cache else None)

    def view(self, photo: Photo, number: int, size: int) -> View:
        """View `number` of a photo, at most `size` high and wide: always the same one."""
        image, labels = self._labelled(photo)
        if number == 0:
            scale = size / max(photo.size)
            return self._fitted(resized(image, labels, scale, scale), size)
        name = int.from_bytes(photo.image_path.name.encode()[-8:], "big")
        rng = np.random.default_rng([self.config.run.seed, _VIEWS, number, name])
        return self._fitted(random_view(rng, image, labels, size), size)

    def fill_cache(
        self, model: PromptableModel, on_encoded: Callable[[int, int], object] = lambda done, total: None
    ) -> None:
        """Encode every view that the cache does not have, with a progress bar; tells how many of how many are there."""
        if self.cache is None:
            return
        size = self.config.sizes[0].size
        device = next(model.parameters()).device
        total = (self.views or 0) * sum(1 for _ in self.pool.photos())
        views = tqdm(self._all_views(size), total=total, unit="view", desc="encoding", mininterval=2)
        for done, image in enumerate(views):
            on_encoded(done, total)
            if not self.cache.path(image).is_file():
                with torch.inference_mode():
                    self.cache.write(image, model.encode(stacked([image], size).float().to(device)))

    def _labelled(self, photo: Photo) -> View:
        return photo.image(), self.pool.labels(photo)

    def _fitted(self, view: View, size: int) -> View:
        """A view as the model is shown images: what it does not fill is padded later, unless it is stretched here."""
        if self.fit == "pad":
            return view
        height, width = view[0].shape[:2]
        return resized(*view, size / width, size / height)

    def _all_views(self, size: int) -> Iterator[NDArray[Any]]:
        for number, photo in itertools.product(range(self.views or 0), self.pool.photos()):
            yield self.view(photo, number, size)[0]

    def _embeddings(self, images: list[Labelled]) -> dict[str, torch.Tensor]:
        assert self.cache is not None
        found = [self.cache.read(image) for image, _, _ in images]
        whole = [features for features in found if features is not None]
        if len(whole) < len(found):
            raise InvalidFile(f"An embedding is missing in {self.cache.folder}.", hint="Run again with --resume.")
        return {name: torch.cat([features[name] for features in whole]) for name in whole[0]}
