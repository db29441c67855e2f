"""A promptable model of a few numbers, so that encoder and worker are tested in no time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limner.sam.model import ModelConfig, PromptableModel

TINY = ModelConfig(family="samlet", image_size=32, embed_dim=3, embedding_size=(4, 4))


class TinyModel(PromptableModel):
    """The embedding is the image, averaged to 4 × 4."""

    def __init__(self) -> None:
        super().__init__(TINY)
        self.gain = nn.Parameter(torch.ones(()))
        self.batches: list[int] = []
        self.fits: dict[str, int] = {}  # device: images that fit into its memory

    def encode(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        if len(images) > self.fits.get(images.device.type, 100):
            raise torch.OutOfMemoryError("pretended")
        return nn.functional.adaptive_avg_pool2d(images * self.gain, 4)  # (B, 3, 4, 4)

    def decode(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        raise NotImplementedError("nothing is decoded here")
