"""A family that is in nothing like SAM, to hold the seam.

Two features of different size, images stretched, three masks of which the last is for clear prompts, padding always, no
mask prompt.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel
from limner.vocabulary.specs import FeatureSpec, MaskSpec, PromptSpec

SIDE, CELLS = 32, 16
CONFIG = ModelConfig(
    family="made_up",
    image_size=SIDE,
    fit="stretch",
    resize_in="float32",
    features=(FeatureSpec("coarse", 4, 4, 4), FeatureSpec("fine", 2, 8, 8)),
    prompts=PromptSpec(mask=False, padding="always"),
    masks=MaskSpec(count=3, low_res_size=CELLS, unambiguous=2, ambiguous=(0, 1)),
)


class MadeUp(PromptableModel):
    """Masks are bumps around the points, as wide and as wavy as the features say; weights are formulas, not chance."""

    def __init__(self) -> None:
        super().__init__(CONFIG)
        self.image_encoder = nn.ModuleList([nn.Conv2d(3, 4, 8, 8), nn.Conv2d(3, 2, 4, 4)])
        self.mix = nn.Conv2d(6 + 1, 3, 1)
        self.rate = nn.Linear(6 + 1, 3)
        with torch.no_grad():
            for seed, parameter in enumerate(self.parameters()):
                waves = torch.sin(torch.arange(parameter.numel()) * 1.7 + seed).view(parameter.shape)
                parameter.copy_(waves / parameter[0].numel() ** 0.5)
            self.mix.weight[:, -1] = 6.0  # the prompt's bumps

    def encode(self, images: Tensor) -> Features:
        coarse, fine = self.image_encoder
        return {"coarse": coarse(images), "fine": fine(images)}

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        coords, labels = prompt.point_coords / SIDE, prompt.point_labels  # (B, N, 2), (B, N)
        at = (torch.arange(CELLS, device=coords.device) + 0.5) / CELLS
        x, y = coords[..., 0, None, None], coords[..., 1, None, None]  # (B, N, 1, 1)
        distance = (at - x) ** 2 + (at[:, None] - y) ** 2  # (B, N, G, G)
        sign = torch.where(labels > 0, 1.0, -1.0) * (labels >= 0)  # (B, N); padding is nowhere
        bumps = (torch.exp(-20 * distance) * sign[..., None, None]).sum(1, keepdim=True)  # (B, 1, G, G)
        image = torch.cat([F.interpolate(values, (CELLS, CELLS), mode="nearest") for values in features.values()], 1)
        image = image.expand(len(coords), -1, -1, -1)  # (B, 6, G, G)
        padding = (labels == -1).sum(1, keepdim=True).to(image.dtype)  # (B, 1): forgotten padding shows
        ratings = torch.sigmoid(self.rate(torch.cat([image.mean((2, 3)), padding], 1)))
        masks: Tensor = self.mix(torch.cat([image, bumps], 1)) - 1.5 + 0.3 * padding[..., None, None]
        return masks, ratings
