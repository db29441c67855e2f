"""Tracing a split decoder into two ONNX files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from limner.sam.model import ModelConfig, SplitDecoder

OPSET = 17  # what the legacy exporter and onnxruntime-web both know whole
PREPARE_INPUTS = ("image_embeddings", "valid_size")
PROMPT_INPUTS = ("point_coords", "point_labels", "mask_input", "has_mask_input")
DECODE_OUTPUTS = ("low_res_masks", "iou_predictions")


class PrepareGraph(nn.Module):
    """``prepare`` as a module."""

    def __init__(self, split: SplitDecoder) -> None:
        super().__init__()
        self.split = split

    def forward(self, image_embeddings: Tensor, valid_size: Tensor) -> tuple[Tensor, ...]:
        return self.split.prepare(image_embeddings, valid_size)


class DecodeGraph(nn.Module):
    """``decode`` with flat inputs: the prepared tensors, then the prompt."""

    def __init__(self, split: SplitDecoder) -> None:
        super().__init__()
        self.split = split

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        *prepared, point_coords, point_labels, mask_input, has_mask_input = inputs
        return self.split.decode(tuple(prepared), point_coords, point_labels, mask_input, has_mask_input)


def example_embedding(config: ModelConfig) -> Tensor:
    """(1, C, h, w) of seeded noise: encoders end in a layer norm, so real embeddings have this scale too."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, config.embed_dim, *config.embedding_size, generator=generator)


def whole_size(config: ModelConfig) -> Tensor:
    """``valid_size`` (2,), int64, of a square image."""
    return torch.tensor(config.embedding_size)


def example_prompt(
    config: ModelConfig, labels: list[int], has_mask: bool, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Seeded ``point_coords``, ``point_labels``, ``mask_input`` and ``has_mask_input`` of one prompt."""
    generator = torch.Generator().manual_seed(seed)
    side = config.low_res_size
    coords = torch.rand(1, len(labels), 2, generator=generator) * config.image_size
    mask = torch.randn(1, 1, side, side, generator=generator) * 4
    return coords, torch.tensor([labels], dtype=torch.float32), mask, torch.tensor([float(has_mask)])


@torch.inference_mode()
def write_prepare(split: SplitDecoder, config: ModelConfig, path: Path) -> None:
    """Trace ``split.prepare`` into ``path``."""
    inputs = (example_embedding(config), whole_size(config))
    _trace(PrepareGraph(split), inputs, path, PREPARE_INPUTS, split.prepared_names, split.dynamic_axes)


@torch.inference_mode()
def write_decode(split: SplitDecoder, config: ModelConfig, path: Path) -> None:
    """Trace ``split.decode`` into ``path``; the number of points and the size of the image stay dynamic."""
    prepared = split.prepare(example_embedding(config))
    inputs = (*prepared, *example_prompt(config, [1, 0, -1], has_mask=True))
    names = (*split.prepared_names, *PROMPT_INPUTS)
    points = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    _trace(DecodeGraph(split), inputs, path, names, DECODE_OUTPUTS, {**split.dynamic_axes, **points})


def _trace(
    graph: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    dynamic_axes: Mapping[str, dict[int, str]],
) -> None:
    """Trace with the TorchScript exporter: it takes a dynamic number of points everywhere, the newer one does not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the legacy exporter announces its age
        warnings.filterwarnings("ignore", category=TracerWarning)  # what it warns of is compared later
        warnings.filterwarnings("ignore", message="Constant folding", category=UserWarning)  # merely not folded
        torch.onnx.export(
            graph,
            inputs,
            str(path),
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes=dict(dynamic_axes),
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )
