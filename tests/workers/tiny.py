"""A promptable model of a few numbers, so that encoder and worker are tested in no time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel
from limner.vocabulary.specs import IMAGE_EMBEDDINGS, FeatureSpec

TINY = ModelConfig(family="samlet", image_size=32, features=(FeatureSpec(IMAGE_EMBEDDINGS, 3, 4, 4),))


class TinyModel(PromptableModel):
    """The embedding is the image, averaged to 4 × 4."""

    def __init__(self) -> None:
        super().__init__(TINY)
        self.gain = nn.Parameter(torch.ones(()))
        self.batches: list[int] = []
        self.fits: dict[str, int] = {}  # device: images that fit into its memory

    def encode(self, images: Tensor) -> Features:
        self.batches.append(len(images))
        if len(images) > self.fits.get(images.device.type, 100):
            raise torch.OutOfMemoryError("pretended")
        return {IMAGE_EMBEDDINGS: nn.functional.adaptive_avg_pool2d(images * self.gain, 4)}  # (B, 3, 4, 4)

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        raise NotImplementedError("nothing is decoded here")
