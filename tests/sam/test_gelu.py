"""GELU as exported graphs compute it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
import torch.nn.functional as F

from limner.models.registry import build_sam
from limner.sam.factored.gelu import SCALE, gelu, gelu_scales, scaled_gelu
from limner_onnx.check import OnnxModel, relative_difference
from limner_onnx.graphs import example_features, example_prompt, write_decode, write_prepare
from tests.sam.reference import SMALL_B, lively


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-7), (torch.float32, 2e-6)])
def test_it_is_as_near_to_the_exact_one_as_fitted_and_as_numbers_are_rounded(dtype: torch.dtype, most: float) -> None:
    x = torch.linspace(-12, 12, 2_000_001, dtype=torch.float64)
    found = scaled_gelu((SCALE * x).to(dtype)) / (2 * SCALE)
    assert (found - F.gelu(x)).abs().max() < most


def test_far_from_zero_it_is_nothing_or_what_it_was_given() -> None:
    x = torch.cat([torch.logspace(1, 30, 1000), -torch.logspace(1, 30, 1000), torch.zeros(1)])
    torch.testing.assert_close(scaled_gelu(SCALE * x) / (2 * SCALE), x.relu(), rtol=1e-6, atol=1e-12)


def test_outside_of_an_export_it_is_the_exact_one() -> None:
    x = torch.linspace(-5, 5, 100)
    assert gelu_scales() == (1, 1)
    assert torch.equal(gelu(x), F.gelu(x))


def test_exported_masks_are_within_2e_5_of_those_of_torch(tmp_path: Path) -> None:
    """The exporter accepts five times as much; of the exact GELU it would be about 1e-6."""
    torch.manual_seed(4)
    model = build_sam("sam_vit_b", SMALL_B).eval()
    lively(model)
    split = model.split().eval()
    prepare, decode = tmp_path / "prepare.onnx", tmp_path / "decode.onnx"
    write_prepare(split, model.config, prepare)
    write_decode(split, model.config, decode)
    upscaling = [node.op_type for node in onnx.load(decode).graph.node if "/upscaling/" in node.name]
    assert "Erf" not in upscaling
    assert not {"Relu", "Max"} & set(upscaling)  # which branch for each value, and which WebGPU has not
    assert upscaling.count("Abs") == 8  # two for each quarter
    features = example_features(model.config.features, seed=8)
    graphs = OnnxModel(prepare, decode, threads=1)
    prepared = graphs.prepare({name: values.numpy() for name, values in features.items()})
    for seed, labels in enumerate(([1, -1], [2, 3], [0, 1, 2, 3], [1] * 9 + [-1])):
        prompt = example_prompt(model.config, labels, has_mask=False, seed=seed)
        with torch.inference_mode():
            masks, _ = model.decode(features, prompt)
        found, _ = graphs.decode(prepared, [tensor.numpy() for tensor in prompt])
        assert relative_difference(found, masks.numpy()) < 2e-5
