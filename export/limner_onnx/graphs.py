"""Tracing a split decoder into two ONNX files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from limner.sam.model import DecoderPrompt, ModelConfig, SplitDecoder
from limner.vocabulary.specs import FeatureSpec

OPSET = 17  # what the legacy exporter and onnxruntime-web both know whole
VALID_SIZE, WHOLE = "valid_size", "whole"  # the last inputs of `prepare`, after the features
PROMPT_INPUTS = DecoderPrompt._fields


class PrepareGraph(nn.Module):
    """``prepare`` with flat inputs: the features, then ``valid_size`` and ``whole``."""

    def __init__(self, split: SplitDecoder, features: tuple[str, ...]) -> None:
        super().__init__()
        self.split = split
        self.features = features

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *features, valid_size, whole = inputs
        return self.split.prepare(dict(zip(self.features, features, strict=True)), valid_size, whole)


class DecodeGraph(nn.Module):
    """The decoder's whole answer with flat inputs: the prepared tensors, then the prompt."""

    def __init__(self, split: SplitDecoder) -> None:
        super().__init__()
        self.split = split

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        count = len(PROMPT_INPUTS)
        return self.split.answer(inputs[:-count], DecoderPrompt(*inputs[-count:]))


def example_features(specs: Sequence[FeatureSpec], seed: int = 0) -> dict[str, Tensor]:
    """Seeded noise: encoders end in a layer norm, so real features have about this scale too."""
    generator = torch.Generator().manual_seed(seed)
    return {spec.name: torch.randn(spec.shape, generator=generator) for spec in specs}


def whole_size(config: ModelConfig) -> Tensor:
    """``valid_size`` (2,), int64, of a square image."""
    return torch.tensor(config.cells)


def example_prompt(config: ModelConfig, labels: list[int], has_mask: bool, seed: int = 0) -> DecoderPrompt:
    """One seeded prompt."""
    generator = torch.Generator().manual_seed(seed)
    side = config.low_res_size
    coords = torch.rand(1, len(labels), 2, generator=generator) * config.image_size
    mask = torch.randn(1, 1, side, side, generator=generator) * 4
    return DecoderPrompt(coords, torch.tensor([labels], dtype=torch.float32), mask, torch.tensor([float(has_mask)]))


@torch.inference_mode()
def write_prepare(split: SplitDecoder, config: ModelConfig, path: Path) -> None:
    """Trace ``split.prepare`` into ``path``."""
    features = example_features(config.features)
    inputs = (*features.values(), whole_size(config), torch.tensor([1]))
    graph = PrepareGraph(split, tuple(features))
    _trace(graph, inputs, path, (*features, VALID_SIZE, WHOLE), split.prepared_names, split.dynamic_axes)


@torch.inference_mode()
def write_decode(split: SplitDecoder, config: ModelConfig, path: Path) -> None:
    """Trace ``split.decode`` into ``path``; the number of points and the size of the image stay dynamic."""
    prepared = split.prepare(example_features(config.features), whole=torch.tensor([0]))  # no tensor is empty then
    inputs = (*prepared, *example_prompt(config, [1, 0, -1], has_mask=True))
    names = (*split.prepared_names, *PROMPT_INPUTS)
    points = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    _trace(DecodeGraph(split), inputs, path, names, split.answer_names, {**split.dynamic_axes, **points})


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
