"""The seam: what every promptable model offers.

Encoders differ, the interface does not: an image becomes named features once, prompts become masks from those
features. Whoever serves, exports, trains or measures a model sees :class:`PromptableModel` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from limner.vocabulary.geometry import Fit, ImageGeometry
from limner.vocabulary.specs import SAM_FEATURES, SAM_MASKS, SAM_PROMPTS, FeatureSpec, MaskSpec, PromptSpec

PIXEL_MEAN = (123.675, 116.28, 103.53)  # ImageNet, RGB, of 0..255
PIXEL_STD = (58.395, 57.12, 57.375)

Features = Mapping[str, Tensor]
"""What the encoder gives of B images, by the names that ``ModelConfig.features`` says: (B, C, h, w) each."""


@dataclass(frozen=True)
class ModelConfig:
    """What everything around a model needs to know; its manifest says the same to the page.

    Attributes:
        family: one of ``limner.models.catalogue.FAMILIES``.
        image_size: S, px; the side of the square that the encoder sees.
        fit: how an image becomes that square.
        resize_in: number format in which images are resized: SAM rounds to bytes, SAM 2 does not.
        pixel_mean: per channel, RGB, on the scale 0..255.
        pixel_std: per channel, RGB, on the scale 0..255.
        features: what the encoder gives; the first one's cells are those that ``valid_size`` counts.
        prompts: what the decoder can be asked with.
        masks: what the decoder answers.
    """

    family: str
    image_size: int = 1024
    fit: Fit = "pad"
    resize_in: Literal["uint8", "float32"] = "uint8"
    pixel_mean: tuple[float, float, float] = PIXEL_MEAN
    pixel_std: tuple[float, float, float] = PIXEL_STD
    features: tuple[FeatureSpec, ...] = SAM_FEATURES
    prompts: PromptSpec = SAM_PROMPTS
    masks: MaskSpec = SAM_MASKS

    @property
    def cells(self) -> tuple[int, int]:
        """(rows, columns) of the first feature."""
        return self.features[0].height, self.features[0].width

    @property
    def low_res_size(self) -> int:
        """Side of the mask logits and of the mask prompt."""
        return self.masks.low_res_size

    def geometry(self, height: int, width: int) -> ImageGeometry:
        """How an image of this size, in pixels, lies in the model's input."""
        return ImageGeometry(height, width, self.image_size, self.fit)


class DecoderPrompt(NamedTuple):
    """B prompts as the decoder takes them, and the inputs of ``decode.onnx`` by the same names.

    Attributes:
        point_coords: (B, N, 2), x and y in model pixels, N ≥ 1.
        point_labels: (B, N): 1 foreground, 0 background, 2 and 3 the corners of a box, -1 padding.
        mask_input: (B, 1, G, G), logits over the model's input.
        has_mask_input: (B,), 1 where ``mask_input`` counts, 0 where it does not. -1 is 0 for runtimes whose
            convolutions take no empty tensors, as WebGPU's: a decoder that leaves out the work for a mask that is not
            there does it then, with nothing coming of it.
    """

    point_coords: Tensor
    point_labels: Tensor
    mask_input: Tensor
    has_mask_input: Tensor

    @classmethod
    def of_points(cls, point_coords: Tensor, point_labels: Tensor, low_res_size: int) -> DecoderPrompt:
        """Points without a mask."""
        count, device = len(point_coords), point_coords.device
        no_mask = torch.zeros(1, 1, low_res_size, low_res_size, device=device).expand(count, -1, -1, -1)
        return cls(point_coords, point_labels, no_mask, torch.zeros(count, device=device))

    def to(self, device: torch.device | torch.dtype) -> DecoderPrompt:
        """The same on another device, or as another type of floating-point number."""
        return DecoderPrompt(*(tensor.to(device) for tensor in self))


ANSWERS = ("low_res_masks", "iou_predictions")  # what every decoder answers, by the names of ``decode.onnx``
OBJECT_SCORE = "object_score_logits"  # (B, 1), of some: above 0 where there is an object at all

PADDING_LOGIT = -32.0  # where a decoder left out the padding: there is no mask, and no doubt about it


class SplitDecoder(nn.Module, ABC):
    """A decoder cut in two: ``prepare`` is all that depends on the image alone, ``decode`` is the rest.

    The export turns each into one ONNX graph; ``prepared_names`` names the tensors between them. Weights may
    have been multiplied together when the decoder was split: split again after changing the model.
    """

    prepared_names: tuple[str, ...]
    answer_names: tuple[str, ...] = ANSWERS  # of what ``answer`` gives
    masks: MaskSpec = SAM_MASKS  # what ``decode`` answers
    dynamic_axes: ClassVar[Mapping[str, dict[int, str]]] = {}  # of prepared tensors, those that ``valid_size`` decides

    @abstractmethod
    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Features of one image -> the prepared tensors, one per name.

        ``valid_size`` (2,), int64, is how many rows and columns of the first feature the image's logits need, from 1 to
        all; None for all. A decoder may leave out the work for the others; their logits are then ``PADDING_LOGIT``.

        ``whole`` (1,), int64, is 0 where an answer is wanted soon: a decoder may then leave work to ``decode``, which
        gives the same and takes longer. 1 or None for all of it.
        """

    @abstractmethod
    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        """As :meth:`PromptableModel.decode` with B = 1, from prepared tensors instead of features."""

    def answer(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, ...]:
        """As :meth:`decode`, and all else that the decoder says, one tensor per name of ``answer_names``."""
        return self.decode(prepared, prompt)

    def decode_above(
        self, least_iou: float, prepared: tuple[Tensor, ...], prompt: DecoderPrompt
    ) -> tuple[Tensor, Tensor]:
        """Those of the masks for ambiguous prompts that are rated above ``least_iou``.

        Returns:
            low_res_masks (K, G, G) of those K in their order, and iou_predictions (1, count) of all. A decoder may
            leave out the work for the others.
        """
        low_res, iou_predictions = self.decode(prepared, prompt)
        wanted = list(self.masks.chosen(multimask=True))
        return low_res[0, wanted][iou_predictions[0, wanted] > least_iou], iou_predictions


class PromptableModel(nn.Module, ABC):
    """An image encoder and a decoder that answers points, boxes and masks with several candidates."""

    config: ModelConfig
    encoder_name: ClassVar[str] = "image_encoder"  # the submodule behind `encode`; the rest is the decoder
    unused_keys: tuple[
        str, ...
    ] = ()  # prefixes of tensors that published checkpoints hold and the model has no use for

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def encode(self, images: Tensor) -> Features:
        """Normalised squares (B, 3, S, S), see :mod:`limner.sam.transforms`, -> features."""

    @abstractmethod
    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        """Answer B prompts on one image.

        Returns:
            low_res_masks (B, count, G, G), logits over the model's input with threshold 0, and iou_predictions
            (B, count).
        """

    def answer(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, ...]:
        """As :meth:`decode`, and all else that the decoder says, in the order of :attr:`SplitDecoder.answer_names`."""
        return self.decode(features, prompt)

    def split(self) -> SplitDecoder:
        """The decoder cut into a per-image and a per-prompt part; here the trivial cut, preparing nothing."""
        return self.trainable_split()

    def trainable_split(self) -> SplitDecoder:
        """A cut that multiplies no weights together, so that gradients reach all of them; several images at a time."""
        return _WholeDecoder(self)


class _WholeDecoder(SplitDecoder):
    """Prepares nothing: the prepared tensors are the features, under names of their own."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model
        self.masks = model.config.masks
        self.features = tuple(feature.name for feature in model.config.features)
        self.prepared_names = tuple(f"prepared_{name}" for name in self.features)

    def prepare(
        self, features: Features, valid_size: Tensor | None = None, whole: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        return tuple(features[name] for name in self.features)

    def decode(self, prepared: tuple[Tensor, ...], prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        return self.model.decode(dict(zip(self.features, prepared, strict=True)), prompt)


@torch.no_grad()
def count_parameters(model: nn.Module) -> int:
    """Number of learned values, buffers not counted."""
    return sum(parameter.numel() for parameter in model.parameters())
