"""The seam: what every promptable model offers.

Encoders differ, the interface does not: an image becomes an embedding once, prompts become masks from that
embedding. Whoever serves, exports, trains or measures a model sees :class:`PromptableModel` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

PIXEL_MEAN = (123.675, 116.28, 103.53)  # ImageNet, RGB, of 0..255
PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class ModelConfig:
    """The numbers that everything around a model needs to know.

    Attributes:
        family: "sam_vit_b", "sam_vit_l", "sam_vit_h", "mobile_sam" or "samlet".
        image_size: S, px; the longest side of what the encoder sees, padded bottom-right to a square.
        pixel_mean: per channel, RGB, on the scale 0..255.
        pixel_std: per channel, RGB, on the scale 0..255.
        embed_dim: C, channels of the image embedding.
        embedding_size: (h, w) of the image embedding.
        low_res_size: side of the mask logits and of the mask prompt.
        num_masks: candidates per prompt: mask 0 for unambiguous prompts, masks 1.. for ambiguous ones.
    """

    family: str
    image_size: int = 1024
    pixel_mean: tuple[float, float, float] = PIXEL_MEAN
    pixel_std: tuple[float, float, float] = PIXEL_STD
    embed_dim: int = 256
    embedding_size: tuple[int, int] = (64, 64)
    low_res_size: int = 256
    num_masks: int = 4


PADDING_LOGIT = -32.0  # where a decoder left out the padding: there is no mask, and no doubt about it


class SplitDecoder(nn.Module, ABC):
    """A decoder cut in two: ``prepare`` is all that depends on the image alone, ``decode`` is the rest.

    The export turns each into one ONNX graph; ``prepared_names`` names the tensors between them. Weights may
    have been multiplied together when the decoder was split: split again after changing the model.
    """

    prepared_names: tuple[str, ...]
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = {}  # of prepared tensors, those that ``valid_size`` decides

    @abstractmethod
    def prepare(self, image_embeddings: Tensor, valid_size: Tensor | None = None) -> tuple[Tensor, ...]:
        """(1, C, h, w) -> the prepared tensors, one per name.

        ``valid_size`` (2,), int64, is how many rows and columns of the embedding the image's logits need, from 1 to
        (h, w); None for all. A decoder may leave out the work for the others; their logits are then ``PADDING_LOGIT``.
        """

    @abstractmethod
    def decode(
        self,
        prepared: tuple[Tensor, ...],
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`PromptableModel.decode` with B = 1, from prepared tensors instead of the embedding.

        ``has_mask_input`` = -1 is 0 for runtimes whose convolutions take no empty tensors, as WebGPU's: a decoder that
        leaves out the work for a mask that is not there does it then, with nothing coming of it.
        """

    def decode_above(
        self,
        least_iou: float,
        prepared: tuple[Tensor, ...],
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Those of the masks for ambiguous prompts (1, 2, ...) that are rated above ``least_iou``.

        Returns:
            low_res_masks (K, 256, 256) of those K in their order, and iou_predictions (1, 4) of all. A decoder may
            leave out the work for the others.
        """
        low_res, iou_predictions = self.decode(prepared, point_coords, point_labels, mask_input, has_mask_input)
        return low_res[0, 1:][iou_predictions[0, 1:] > least_iou], iou_predictions


class PromptableModel(nn.Module, ABC):
    """An image encoder and a decoder that answers points, boxes and masks with four candidates."""

    config: ModelConfig
    encoder_name: ClassVar[str] = "image_encoder"  # the submodule behind `encode`; the rest is the decoder
    unused_keys: tuple[
        str, ...
    ] = ()  # prefixes of tensors that published checkpoints hold and the model has no use for

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Normalised, padded images (B, 3, S, S) -> image embeddings (B, C, h, w)."""

    @abstractmethod
    def decode(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Answer B prompts on one image.

        Args:
            image_embeddings: (1, C, h, w).
            point_coords: (B, N, 2), x and y in model pixels (image pixels × scale), N ≥ 1.
            point_labels: (B, N): 1 foreground, 0 background, 2 and 3 the corners of a box, -1 padding.
            mask_input: (B, 1, 256, 256), logits.
            has_mask_input: (B,), 1 where ``mask_input`` counts, 0 where it does not.

        Returns:
            low_res_masks (B, 4, 256, 256), logits with threshold 0, and iou_predictions (B, 4).
        """

    def split(self) -> SplitDecoder:
        """The decoder cut into a per-image and a per-prompt part; here the trivial cut, preparing nothing."""
        return self.trainable_split()

    def trainable_split(self) -> SplitDecoder:
        """A cut that multiplies no weights together, so that gradients reach all of them; several images at a time."""
        return _WholeDecoder(self)


class _WholeDecoder(SplitDecoder):
    prepared_names = ("prepared_embeddings",)

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model

    def prepare(self, image_embeddings: Tensor, valid_size: Tensor | None = None) -> tuple[Tensor, ...]:
        return (image_embeddings,)

    def decode(
        self,
        prepared: tuple[Tensor, ...],
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor]:
        return self.model.decode(prepared[0], point_coords, point_labels, mask_input, has_mask_input)


@torch.no_grad()
def count_parameters(model: nn.Module) -> int:
    """Number of learned values, buffers not counted."""
    return sum(parameter.numel() for parameter in model.parameters())
