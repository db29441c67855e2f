"""SAM 2.1 for images behind the seam: three features, images stretched to the square."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel, SplitDecoder
from limner.sam.prompt_encoder import PromptEncoder
from limner.sam.sam2.decoder import Answer, Sam2MaskDecoder
from limner.sam.sam2.factored import HIGH_RES_0, HIGH_RES_1, IMAGE_EMBED, FactoredSam2
from limner.sam.sam2.hiera import Hiera, HieraConfig
from limner.sam.sam2.neck import FeaturePyramid
from limner.vocabulary.specs import FeatureSpec, MaskSpec, PromptSpec

DIM = 256
STRIDE = 16  # model pixels per cell of the embedding
VIDEO = (  # what published checkpoints hold for video
    "memory_attention.",
    "memory_encoder.",
    "maskmem_tpos_enc",
    "mask_downsample.",
    "no_mem_pos_enc",
    "no_obj_ptr",
    "no_obj_embed_spatial",
    "obj_ptr_proj.",
    "obj_ptr_tpos_proj.",
)


class ImageEncoder(nn.Module):
    """Trunk and neck, by the names of the published checkpoints."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = FeaturePyramid(config.widths, DIM)

    def forward(self, images: Tensor, after4: nn.Conv2d, after8: nn.Conv2d) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, S, S) -> maps at strides 4, 8 and 16, the first two through a convolution of the decoder's."""
        maps: tuple[Tensor, Tensor, Tensor] = self.neck(self.trunk(images), after4, after8)
        return maps


class Sam2(PromptableModel):
    """Image mode of SAM 2.1, as ``SAM2ImagePredictor`` has it: no memory, whose embedding is added instead.

    Mask 0 answers clear prompts; where it is not stable it is the best of the others.
    """

    unused_keys = VIDEO

    def __init__(self, family: str, hiera: HieraConfig, image_size: int = 1024) -> None:
        cells = image_size // STRIDE
        super().__init__(
            ModelConfig(
                family=family,
                image_size=image_size,
                fit="stretch",
                resize_in="float32",
                features=(
                    FeatureSpec(IMAGE_EMBED, DIM, cells, cells),
                    FeatureSpec(HIGH_RES_0, DIM // 8, 4 * cells, 4 * cells),
                    FeatureSpec(HIGH_RES_1, DIM // 4, 2 * cells, 2 * cells),
                ),
                prompts=PromptSpec(padding="always"),
                masks=MaskSpec(low_res_size=4 * cells),
            )
        )
        self.image_encoder = ImageEncoder(hiera)
        self.sam_prompt_encoder = PromptEncoder(DIM, (cells, cells), image_size)
        self.sam_mask_decoder = Sam2MaskDecoder(DIM, self.config.masks.count)
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, DIM))

    def encode(self, images: Tensor) -> Features:
        decoder = self.sam_mask_decoder
        at4, at8, at16 = self.image_encoder(images, decoder.conv_s0, decoder.conv_s1)
        return {
            IMAGE_EMBED: at16 + self.no_mem_embed.view(1, -1, 1, 1),
            HIGH_RES_0: at4,
            HIGH_RES_1: at8,
        }

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        answer = self.answer(features, prompt)
        return answer.low_res_masks, answer.iou_predictions

    def answer(self, features: Features, prompt: DecoderPrompt) -> Answer:
        """As :meth:`decode`, with the score that says whether there is an object at all."""
        sparse = self.sam_prompt_encoder.embed_points(prompt.point_coords, prompt.point_labels)  # (B, N, C)
        dense = self.sam_prompt_encoder.embed_masks(prompt.mask_input, prompt.has_mask_input)  # (B, C, h, w)
        positions = self.sam_prompt_encoder.dense_pe()  # (1, C, h, w)
        fine = features[HIGH_RES_0], features[HIGH_RES_1]
        return self.sam_mask_decoder.answer(features[IMAGE_EMBED] + dense, positions, sparse, fine)

    def split(self) -> SplitDecoder:
        """The decoder rearranged as SAM's is; the function is the same."""
        return FactoredSam2(self.sam_prompt_encoder, self.sam_mask_decoder)
