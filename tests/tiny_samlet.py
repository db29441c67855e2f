"""Samlet as small as its structure allows, for tests that need a model but not its quality."""

from __future__ import annotations

from limner.sam.samlet import SamletConfig

TINY_SAMLET = SamletConfig(
    image_size=64,
    backbone="convolutions",
    encoder_widths=(8, 8, 16, 16, 16),
    encoder_depths=(1, 1, 1, 1),
    embed_dim=16,
    decoder_channels=16,
    upscale_channels=(8, 8, 4),
)
