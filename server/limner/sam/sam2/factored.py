"""SAM 2's decoder rearranged as SAM's is (:mod:`limner.sam.factored.decoder` derives it).

The transformer is SAM's with one token more. While it upscales, SAM 2 adds fine features: F₁ to the first transposed
convolution and F₀ to the second. The first is kept without its scale s = r₁r₂, which the norm that follows takes away,
so that C₀F₁/s is added instead of F₁; both depend on the image alone, are cut into sub-pixels and prepared once.
Images are stretched, so that all cells show the image and none is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from limner.sam.factored.decoder import LEFT_AXES, FactoredDecoder
from limner.sam.factored.prepared import Prepared
from limner.sam.factored.upscaling import SUB_PIXELS, Fine
from limner.sam.model import ANSWERS, OBJECT_SCORE, DecoderPrompt, Features, SplitDecoder
from limner.sam.prompt_encoder import PromptEncoder
from limner.sam.sam2.decoder import Answer as Sam2Answer
from limner.sam.sam2.decoder import Sam2MaskDecoder, trusted
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

IMAGE_EMBED, HIGH_RES_0, HIGH_RES_1 = "image_embed", "high_res_feats_0", "high_res_feats_1"
FINE = tuple(f"fine_{part}{index:02b}" for index in range(SUB_PIXELS) for part in Fine._fields)


class FactoredSam2(FactoredDecoder):
    """For one image and one prompt at a time."""

    prepared_names = (*Prepared._fields, *FINE)
    answer_names = (*ANSWERS, OBJECT_SCORE)
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = LEFT_AXES
    mask_decoder: Sam2MaskDecoder

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: Sam2MaskDecoder) -> None:
        super().__init__(prompt_encoder, mask_decoder)

    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """All cells are prepared: what ``valid_size`` leaves out of a stretched image is nothing."""
        coarse = super().prepare({IMAGE_EMBEDDINGS: features[IMAGE_EMBED]}, None, whole)
        at4, at8 = features[HIGH_RES_0][0], features[HIGH_RES_1][0]  # (32, 4h, 4w), (64, 2h, 2w)
        at8 = at8 - at8.mean(0, keepdim=True)
        fine: list[Tensor] = []
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            subs = [at4[:, 2 * y + v :: 4, 2 * x + u :: 4] for v, u in ((0, 0), (0, 1), (1, 0), (1, 1))]
            after = torch.cat(subs) + self.upscaling.up2_bias[:, :, None]
            fine += [at8[:, y::2, x::2].contiguous(), after]
        return (*coarse, *fine)

    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        low_res_masks, iou_predictions, _ = self.answer(prepared, prompt)
        return low_res_masks, iou_predictions

    def answer(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> Sam2Answer:
        """As :meth:`decode`, with the score that says whether there is an object at all."""
        count = len(Prepared._fields)
        p, fine = Prepared(*prepared[:count]), prepared[count:]
        answer = self._transform(p, prompt)
        weights = self.mask_decoder.mask_weights(answer.outputs[:, 1:])[0]  # (4, 32)
        pairs = [Fine(*fine[2 * index : 2 * index + 2]) for index in range(SUB_PIXELS)]
        masks = self._masks(p, answer, weights, pairs)
        ratings = self.mask_decoder.iou_prediction_head(answer.outputs[:, 1]).sigmoid()
        return Sam2Answer(*trusted(masks, ratings), self.mask_decoder.pred_obj_score_head(answer.outputs[:, 0]))

    def decode_above(
        self, least_iou: float, prepared: tuple[Tensor, ...], prompt: DecoderPrompt
    ) -> tuple[Tensor, Tensor]:
        """The rating of mask 0 depends on the mask itself, so that all are made."""
        return SplitDecoder.decode_above(self, least_iou, prepared, prompt)
