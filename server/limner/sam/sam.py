"""SAM put together: an image encoder, the prompt encoder and the mask decoder behind the seam."""

from __future__ import annotations

from torch import Tensor, nn

from limner.sam.factored.decoder import FactoredDecoder
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.model import ModelConfig, PromptableModel, SplitDecoder
from limner.sam.prompt_encoder import PromptEncoder


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

    def encode(self, images: Tensor) -> Tensor:
        embeddings: Tensor = self.image_encoder(images)
        return embeddings  # (B, C, h, w)

    def decode(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        sparse = self.prompt_encoder.embed_points(point_coords, point_labels)  # (B, N, C)
        dense = self.prompt_encoder.embed_masks(mask_input, has_mask_input)  # (B, C, h, w)
        image_pe = self.prompt_encoder.dense_pe()  # (1, C, h, w)
        low_res_masks, iou_predictions = self.mask_decoder(image_embeddings + dense, image_pe, sparse)
        return low_res_masks, iou_predictions

    def split(self) -> SplitDecoder:
        """The decoder rearranged so that a click costs a third; the function is the same."""
        return FactoredDecoder(self.prompt_encoder, self.mask_decoder)
