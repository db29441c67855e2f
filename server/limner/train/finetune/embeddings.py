"""What a frozen encoder answers, computed once and kept on disk as fp16."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from limner.atomic import replacing
from limner.sam.model import Features, PromptableModel
from limner.train.evaluation import ModelSubject

KEY_DIGITS = 24  # of each hash in a file's name


class EmbeddingCache:
    """Embeddings in a folder, by the image's pixels and the hash of the weights that encoded it.

    Files appear whole or not at all: whatever interrupts a run, the next one goes on with what is there.
    """

    def __init__(self, folder: Path, weights_sha256: str) -> None:
        self.folder, self._weights = folder, weights_sha256
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, image: NDArray[Any]) -> Path:
        """Where the embedding of an image (h, w, 3) is, or would be."""
        digest = hashlib.sha256(repr(image.shape).encode())
        digest.update(np.ascontiguousarray(image).data)
        return self.folder / f"{digest.hexdigest()[:KEY_DIGITS]}-{self._weights[:KEY_DIGITS]}.safetensors"

    def read(self, image: NDArray[Any]) -> dict[str, Tensor] | None:
        """The features (1, C, h, w), fp16, or None when there are none yet."""
        path = self.path(image)
        return load_file(path) if path.is_file() else None

    def write(self, image: NDArray[Any], features: Features) -> None:
        """Keep features (1, C, h, w)."""
        with replacing(self.path(image)) as partial:
            save_file({name: values.cpu().half().contiguous() for name, values in features.items()}, partial)


class CachedSubject(ModelSubject):
    """A model with a frozen encoder, measured without encoding an image twice."""

    def __init__(self, model: PromptableModel, cache: EmbeddingCache) -> None:
        super().__init__(model)
        self.cache = cache

    def embed(self, image: NDArray[np.uint8]) -> Features:
        """The features of an image (H, W, 3)."""
        known: Features | None = self.cache.read(image)
        if known is None:
            known = super().embed(image)
            self.cache.write(image, known)
        return {name: values.float().to(self.device) for name, values in known.items()}
