"""SAM 2's mask decoder: SAM's, with fine features added while it upscales, and a score for there being an object."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from limner.sam.common import Head, NumberedMlp
from limner.sam.mask_decoder import MaskDecoder

STABILITY_OFFSET = 0.05  # of the logits
LEAST_STABLE = 0.98  # IoU of the mask at the two thresholds; below it the mask for clear prompts is not trusted


class Answer(NamedTuple):
    """What the decoder says to B prompts.

    Attributes:
        low_res_masks: (B, 4, 4h, 4w), logits.
        iou_predictions: (B, 4), 0 to 1.
        object_score_logits: (B, 1), above 0 where there is an object at all.
    """

    low_res_masks: Tensor
    iou_predictions: Tensor
    object_score_logits: Tensor


class Sam2MaskDecoder(MaskDecoder):
    """Names as in the published checkpoints; ``conv_s0`` and ``conv_s1`` run once per image."""

    def __init__(self, dim: int = 256, num_masks: int = 4) -> None:
        super().__init__(dim, num_masks, mlp=NumberedMlp)
        self.obj_score_token = nn.Embedding(1, dim)
        self.pred_obj_score_head = Head(dim, dim, 1)
        self.conv_s0 = nn.Conv2d(dim, dim // 8, 1)
        self.conv_s1 = nn.Conv2d(dim, dim // 4, 1)

    def answer(self, image: Tensor, image_pe: Tensor, prompts: Tensor, fine: tuple[Tensor, Tensor]) -> Answer:
        """Decode B prompts.

        Args:
            image: (B, C, h, w), image embedding plus dense prompt.
            image_pe: (1, C, h, w), positions.
            prompts: (B, N, C), sparse prompts.
            fine: (1, C/8, 4h, 4w) and (1, C/4, 2h, 2w), what ``conv_s0`` and ``conv_s1`` gave.
        """
        B, C, h, w = image.shape
        tokens = torch.cat([self.output_tokens().expand(B, -1, -1), prompts], 1)  # (B, 6 + N, C)
        positions = image_pe.flatten(2).transpose(1, 2)  # (1, M, C)
        tokens, image_tokens = self.transformer(tokens, image.flatten(2).transpose(1, 2), positions)
        at4, at8 = fine
        up1, norm, activation, up2, last = self.output_upscaling
        x = activation(norm(up1(image_tokens.transpose(1, 2).reshape(B, C, h, w)) + at8))  # (B, C/4, 2h, 2w)
        x = last(up2(x) + at4)  # (B, C/8, 4h, 4w)
        masks = (self.mask_weights(tokens[:, 1:]) @ x.flatten(2)).view(B, -1, 4 * h, 4 * w)  # (B, 4, 4h, 4w)
        ratings = self.iou_prediction_head(tokens[:, 1]).sigmoid()
        return Answer(*trusted(masks, ratings), self.pred_obj_score_head(tokens[:, 0]))

    def output_tokens(self) -> Tensor:
        """(1, 6, C): the object's token, the IoU token, then the mask tokens."""
        return torch.cat([self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight])[None]


def trusted(masks: Tensor, ratings: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (B, 4, H, W) and ratings (B, 4), mask 0 replaced by the best of the others where it is not stable."""
    clear = masks[:, 0].flatten(1)  # (B, H·W)
    inner = (clear > STABILITY_OFFSET).sum(1).to(ratings.dtype)  # (B,)
    outer = (clear > -STABILITY_OFFSET).sum(1).to(ratings.dtype)
    stable = torch.where(outer > 0, inner / outer.clamp(min=1), torch.ones_like(outer)) >= LEAST_STABLE  # (B,)
    best = ratings[:, 1:].argmax(1) + 1  # (B,)
    shown = torch.where(stable, torch.zeros_like(best), best)
    chosen = masks.gather(1, shown.view(-1, 1, 1, 1).expand(-1, 1, *masks.shape[2:]))  # (B, 1, H, W)
    rating = ratings.gather(1, shown[:, None])
    return torch.cat([chosen, masks[:, 1:]], 1), torch.cat([rating, ratings[:, 1:]], 1)
