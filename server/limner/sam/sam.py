"""SAM put together: an image encoder, the prompt encoder and the mask decoder behind the seam."""

from __future__ import annotations

from torch import Tensor, nn

from limner.sam.factored.decoder import FactoredDecoder
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel, SplitDecoder
from limner.sam.prompt_encoder import PromptEncoder
from limner.vocabulary.specs import IMAGE_EMBEDDINGS


class Sam(PromptableModel):
    """Segment Anything (Kirillov et al. 2023, arXiv:2304.02643): encoder, prompt encoder, mask decoder.

    Parameter names are those of the published checkpoints, so that loading one is a plain
    ``load_state_dict``.
    """

    def __init__(
        self,
        config: ModelConfig,
        image_encoder: nn.Module,
        prompt_encoder: PromptEncoder,
        mask_decoder: MaskDecoder,
    ) -> None:
        super().__init__(config)
        self.image_encoder = image_encoder
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder

    def encode(self, images: Tensor) -> Features:
        return {IMAGE_EMBEDDINGS: self.image_encoder(images)}  # (B, C, h, w)

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        sparse = self.prompt_encoder.embed_points(prompt.point_coords, prompt.point_labels)  # (B, N, C)
        dense = self.prompt_encoder.embed_masks(prompt.mask_input, prompt.has_mask_input)  # (B, C, h, w)
        image_pe = self.prompt_encoder.dense_pe()  # (1, C, h, w)
        low_res_masks, iou_predictions = self.mask_decoder(features[IMAGE_EMBEDDINGS] + dense, image_pe, sparse)
        return low_res_masks, iou_predictions

    def split(self) -> SplitDecoder:
        """The decoder rearranged so that a click costs a third; the function is the same."""
        return FactoredDecoder(self.prompt_encoder, self.mask_decoder)
