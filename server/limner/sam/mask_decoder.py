"""The mask decoder: four masks and how good they are, from an image embedding and prompt embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limner.sam.common import Head, LayerNorm2d, Mlp
from limner.sam.transformer import MlpKind, TwoWayTransformer


class MaskDecoder(nn.Module):
    """One IoU token and four mask tokens travel through the transformer with the prompts.

    Each mask token becomes, through its own head, the weights of a dot product with the upscaled image.
    """

    def __init__(self, dim: int = 256, num_masks: int = 4, mlp: MlpKind = Mlp) -> None:
        super().__init__()
        self.num_masks = num_masks
        self.transformer = TwoWayTransformer(dim, mlp=mlp)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(num_masks, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, 2, 2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(Head(dim, dim, dim // 8) for _ in range(num_masks))
        self.iou_prediction_head = Head(dim, dim, num_masks)

    def forward(self, image: Tensor, image_pe: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Decode B prompts.

        Args:
            image: (B, C, h, w), image embedding plus dense prompt.
            image_pe: (1, C, h, w), positions.
            prompts: (B, N, C), sparse prompts.

        Returns:
            low_res_masks (B, 4, 4h, 4w) and iou_predictions (B, 4).
        """
        B, C, h, w = image.shape
        image_tokens = image.flatten(2).transpose(1, 2)  # (B, M, C)
        positions = image_pe.flatten(2).transpose(1, 2)  # (1, M, C)
        tokens = torch.cat([self.output_tokens().expand(B, -1, -1), prompts], 1)  # (B, 5 + N, C)
        tokens, image_tokens = self.transformer(tokens, image_tokens, positions)

        upscaled = self.output_upscaling(image_tokens.transpose(1, 2).reshape(B, C, h, w))  # (B, C/8, 4h, 4w)
        masks = (self.mask_weights(tokens) @ upscaled.flatten(2)).view(B, -1, 4 * h, 4 * w)  # (B, 4, 4h, 4w)
        return masks, self.iou_prediction_head(tokens[:, 0])

    def output_tokens(self) -> Tensor:
        """(1, 5, C): the IoU token, then the mask tokens."""
        return torch.cat([self.iou_token.weight, self.mask_tokens.weight])[None]

    def mask_weights(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 5 + N, C) after the transformer -> (B, 4, C/8), one row of weights per mask."""
        return torch.stack([head(tokens[:, 1 + i]) for i, head in enumerate(self.output_hypernetworks_mlps)], 1)
