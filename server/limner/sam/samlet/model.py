"""Samlet: SAM's interface on a network small enough to be trained on two CPU cores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel, SplitDecoder
from limner.sam.samlet.decoder import Prepared, SamletDecoder
from limner.sam.samlet.encoder import ConvolutionEncoder, EfficientNetEncoder, PyramidEncoder
from limner.sam.samlet.fast import FastSamlet
from limner.vocabulary.specs import IMAGE_EMBEDDINGS, FeatureSpec, MaskSpec

STRIDE = 8  # model pixels per cell of the embedding

Backbone = Literal["convolutions", "efficientnet-lite2"]


@dataclass(frozen=True)
class SamletConfig:
    """Widths and depths of the network; the defaults are the shipped model.

    EfficientNet-Lite2 has widths and depths of its own: beside it, the last two widths and the last depth count.
    """

    image_size: int = 512  # px, longest side, padded bottom-right; any multiple of 32 works
    backbone: Backbone = "efficientnet-lite2"  # of the encoder; the first Samlet had convolutions of its own
    encoder_widths: tuple[int, int, int, int, int] = (24, 40, 80, 176, 256)  # channels at strides 2 to 32
    encoder_depths: tuple[int, int, int, int] = (1, 2, 2, 2)  # blocks at strides 4 to 32
    embed_dim: int = 128
    decoder_channels: int = 128
    upscale_channels: tuple[int, int, int] = (64, 32, 8)  # at strides 8, 4 and 2

    @property
    def model_config(self) -> ModelConfig:
        """The same as the rest of Limner needs to know it."""
        cells = self.image_size // STRIDE
        return ModelConfig(
            family="samlet",
            image_size=self.image_size,
            features=(FeatureSpec(IMAGE_EMBEDDINGS, self.embed_dim, cells, cells),),
            masks=MaskSpec(low_res_size=4 * cells),
        )


class Samlet(PromptableModel):
    """Encoder and decoder behind Limner's seam.

    Points are continuous model pixels, the centre of the first pixel at (0.5, 0.5), and are used as they are.
    """

    encoder_name = "encoder"

    def __init__(self, config: SamletConfig | None = None) -> None:
        config = config or SamletConfig()
        super().__init__(config.model_config)
        self.encoder = _encoder(config)
        self.decoder = SamletDecoder(config.embed_dim, config.decoder_channels, config.upscale_channels)

    def encode(self, images: Tensor) -> Features:
        return {IMAGE_EMBEDDINGS: self.encoder(images)}

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        return self.decode_prepared(self.decoder.prepare(features[IMAGE_EMBEDDINGS]), prompt)

    def decode_prepared(self, prepared: Prepared, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        """As :meth:`decode`, for prepared tensors of one image or of as many images as there are prompts."""
        side = STRIDE * prepared.embedding.shape[-1]  # model pixels
        decoded: tuple[Tensor, Tensor] = self.decoder(
            prepared, prompt._replace(point_coords=prompt.point_coords / side)
        )
        return decoded

    def split(self) -> SplitDecoder:
        """The decoder rearranged for one prompt at a time; the function is the same."""
        return FastSamlet(self.decoder, self.config.cells, STRIDE)

    def trainable_split(self) -> SplitDecoder:
        return SplitSamlet(self)


def backbone_of(names: Iterable[str]) -> Backbone:
    """Which encoder the tensors of these names are weights of."""
    return "efficientnet-lite2" if any(name.startswith("encoder.backbone.") for name in names) else "convolutions"


def _encoder(config: SamletConfig) -> PyramidEncoder:
    if config.backbone == "convolutions":
        return ConvolutionEncoder(config.encoder_widths, config.encoder_depths, config.embed_dim)
    *_, w16, w32 = config.encoder_widths
    return EfficientNetEncoder(w16, w32, config.encoder_depths[-1], config.embed_dim)


class SplitSamlet(SplitDecoder):
    """Samlet's decoder cut where the prompts come in: a cut that is part of its design."""

    prepared_names = Prepared._fields

    def __init__(self, model: Samlet) -> None:
        super().__init__()
        self.model = model

    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        prepared: Prepared = self.model.decoder.prepare(features[IMAGE_EMBEDDINGS])
        return prepared

    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        return self.model.decode_prepared(Prepared(*prepared), prompt)


class AuxiliaryHeads(nn.Module):
    """Used in training only: what the embedding must know about the whole image, prompts or not."""

    def __init__(self, embed_dim: int, instance_dim: int = 24) -> None:
        super().__init__()
        self.instances = nn.Conv2d(embed_dim, instance_dim, 1)
        self.edges = nn.Conv2d(embed_dim, 4 * 2, 1)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (B, E, h, w) -> instance vectors (B, 24, h, w), edge logits (B, 2, 2h, 2w); float32."""
        return self.instances(embedding).float(), F.pixel_shuffle(self.edges(embedding), 2).float()
