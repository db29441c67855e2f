"""The published package ``segment-anything`` as the reference, and weights that make comparisons mean something."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from limner.bench.reference import reference_package
from limner.models.checkpoints import load_into
from limner.models.registry import build_sam
from limner.sam.sam import Sam
from limner.sam.vit import VitConfig

SMALL_B = VitConfig(embed_dim=768, depth=4, num_heads=12, global_blocks=(1, 3), image_size=256)
SMALL_L = VitConfig(embed_dim=1024, depth=4, num_heads=16, global_blocks=(1, 3), image_size=256)
SMALL_H = VitConfig(embed_dim=1280, depth=4, num_heads=16, global_blocks=(1, 3), image_size=256)


def reference_sam(vit: VitConfig, seed: int) -> Any:
    """The reference's ``Sam`` of this size with :func:`lively` random weights."""
    reference_package()
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
    from segment_anything.modeling import Sam as ReferenceSam

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grid = (vit.grid_size, vit.grid_size)
        sam = ReferenceSam(
            image_encoder=ImageEncoderViT(
                depth=vit.depth,
                embed_dim=vit.embed_dim,
                img_size=vit.image_size,
                mlp_ratio=4,
                norm_layer=partial(nn.LayerNorm, eps=1e-6),
                num_heads=vit.num_heads,
                patch_size=16,
                qkv_bias=True,
                use_rel_pos=True,
                global_attn_indexes=vit.global_blocks,
                window_size=14,
                out_chans=256,
            ),
            prompt_encoder=PromptEncoder(256, grid, (vit.image_size, vit.image_size), mask_in_chans=16),
            mask_decoder=MaskDecoder(
                transformer_dim=256,
                transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
            ),
            pixel_mean=[123.675, 116.28, 103.53],
            pixel_std=[58.395, 57.12, 57.375],
        )
        lively(sam)
    return sam.eval()


@torch.no_grad()
def lively(model: nn.Module, attention: float = 2.0) -> None:
    """Move weights away from where they start, in place.

    Fresh positions are zero, fresh norms do nothing and fresh attention is nearly uniform: with them, many mistakes
    would not show.
    """
    for name, parameter in model.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            parameter.normal_(std=0.3)
        elif parameter.ndim == 1:
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
        elif name.endswith(("q_proj.weight", "k_proj.weight")):
            parameter.mul_(attention)


def same_weights(reference: Any, vit: VitConfig) -> Sam:
    """Our model with the reference's weights, through the door that checkpoints come in by."""
    model = build_sam("sam_vit_b", vit).eval()
    load_into(model, reference.state_dict(), "the reference")
    return model


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest absolute difference, relative to the largest absolute value of the reference."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Blobs and stripes, (height, width, 3): smooth enough for smooth masks, different in every channel."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    channels = [np.sin(9 * x + 4 * c) * np.cos(7 * y - 2 * c) + 0.3 * np.sin(40 * (x + y * c)) for c in range(3)]
    return (127 + 90 * np.stack(channels, -1)).clip(0, 255).astype(np.uint8)
