"""EfficientViT-SAM-L0: the published names and shapes, and the original implementation's values on seeded weights.

``tests/golden/make_efficientvit.py`` computed them with the original itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.models.install import install_file
from limner.models.registry import LoadedModel, infer_family, model_from_state
from limner.sam.cpu.fused import layers_one_by_one
from limner.sam.efficientvit import LinearAttention
from limner.sam.model import PromptableModel
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.predictor import Predictor
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner_onnx import check
from limner_onnx.encoder import open_encoder
from limner_onnx.exporter import write_graphs
from limner_onnx.graphs import example_features, example_prompt
from tests.sam.efficientvit_cases import CELLS, EVERY, SHAPES, prompts
from tests.sam.reference import picture
from tests.sam.seeded import seeded

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES: dict[str, list[int]] = json.loads((GOLDEN / "efficientvit_state_dict.json").read_text())
TOLERANCE = 1e-4  # relative


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Seeded weights under the published names."""
    return {name: seeded(name, shape) if shape else torch.tensor(0) for name, shape in NAMES.items()}


@pytest.fixture(scope="module")
def model(state: dict[str, Tensor]) -> PromptableModel:
    return model_from_state(state, "golden", "efficientvit_sam_l0")


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return dict(np.load(GOLDEN / "efficientvit_golden.npz"))


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def as_the_original_enlarges(low_res: np.ndarray, height: int, width: int) -> np.ndarray:
    """Logits (K, 256, 256) -> masks (K, H, W)."""
    whole = F.interpolate(torch.from_numpy(low_res)[None], (1024, 1024), mode="bilinear", align_corners=False)
    scale = 1024 / max(height, width)
    inside = whole[:, :, : int(height * scale + 0.5), : int(width * scale + 0.5)]
    logits = F.interpolate(inside, (height, width), mode="bilinear", align_corners=False)[0]
    return (logits > 0).numpy()


def test_the_published_checkpoint_is_recognised_by_its_tensors(state: dict[str, Tensor], tmp_path: Path) -> None:
    assert infer_family(state, "efficientvit_sam_l0.pt") == "efficientvit_sam_l0"
    torch.save(state, tmp_path / "efficientvit_sam_l0.pt")
    card = install_file(tmp_path / "efficientvit_sam_l0.pt", tmp_path, name="efficientvit_sam_l0").card
    assert (card.family, card.automatic.pred_iou_thresh) == ("efficientvit_sam_l0", 0.88)  # the original generator's


@pytest.mark.parametrize("shape", SHAPES)
def test_values_of_the_original(model: PromptableModel, golden: dict[str, Any], shape: str) -> None:
    height, width = SHAPES[shape]
    predictor = Predictor(model)
    predictor.set_image(picture(height, width))
    features = predictor.get_image_features()[IMAGE_EMBEDDINGS]
    assert relative(features[EVERY].numpy(), golden[f"{shape}/features"]) < TOLERANCE
    for kind, arguments in prompts(height, width).items():
        for multimask in (True, False):
            key = f"{shape}/{kind}/{multimask}"
            masks, iou, low_res = predictor.predict(**arguments, multimask_output=multimask)
            assert relative(low_res[:, CELLS, CELLS], golden[f"{key}/low_res"]) < TOLERANCE
            assert np.abs(iou - golden[f"{key}/iou"]).max() < TOLERANCE  # some are near 0
            # The original enlarges masks by way of a square of 1024 px, Predictor by that which the encoder sees.
            area = as_the_original_enlarges(low_res, height, width).sum((1, 2))
            assert np.abs(area - golden[f"{key}/area"]).max() <= 1e-3 * height * width + 1
            assert masks.shape == (len(low_res), height, width)


@torch.inference_mode()
def test_layers_are_the_same_together_and_one_by_one(model: PromptableModel) -> None:
    pixels = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    together = model.encode(pixels)[IMAGE_EMBEDDINGS]
    with layers_one_by_one():
        alone = model.encode(pixels)[IMAGE_EMBEDDINGS]
    assert relative(together.numpy(), alone.numpy()) < TOLERANCE


def test_the_encoder_runs_in_onnxruntime(model: PromptableModel, tmp_path: Path) -> None:
    pixels = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = model.encode(pixels)[IMAGE_EMBEDDINGS].numpy()
    made = open_encoder(model, tmp_path, threads=1)(pixels.numpy())[IMAGE_EMBEDDINGS]
    assert np.linalg.norm(made - expected) < 1e-4 * np.linalg.norm(expected)


def test_its_graphs_answer_as_torch(model: PromptableModel, tmp_path: Path) -> None:
    manifest = write_graphs(LoadedModel(model, "efficientvit", "e" * 64), tmp_path)
    assert manifest.max_abs_difference < check.MAX_DIFFERENCE
    assert (manifest.input.image_size, manifest.input.fit, manifest.prompts.padding) == (512, "pad", "without_box")
    onnx = check.OnnxModel(tmp_path / "prepare.onnx", tmp_path / "decode.onnx", threads=1)
    for has_mask in (False, True):
        features = example_features(model.config.features, 1)
        prompt = example_prompt(model.config, [1, 0, -1], has_mask=has_mask, seed=1)
        with torch.inference_mode():
            expected = model.decode(features, prompt)
        found = onnx.decode(
            onnx.prepare({name: t.numpy() for name, t in features.items()}), [t.numpy() for t in prompt]
        )
        for ours, theirs in zip(found, expected, strict=True):
            assert check.relative_difference(ours, theirs.numpy()) < TOLERANCE


def test_everything_is_segmented(model: PromptableModel) -> None:
    generator = AutomaticMaskGenerator(Predictor(model), 2, pred_iou_thresh=-10.0, stability_score_thresh=0.0)
    masks = generator.generate(picture(60, 90))
    assert masks
    assert all(mask["segmentation"].shape == (60, 90) for mask in masks)


@torch.inference_mode()
def test_linear_attention_is_attention_with_relu_for_weights() -> None:
    """Against attention written out with all weights between all cells."""
    torch.manual_seed(0)
    attention = LinearAttention(64).eval()
    x = torch.randn(2, 64, 5, 7)
    qkv = attention.qkv(x)
    scales = [qkv, *[scale(qkv) for scale in attention.aggreg]]
    heads = [head.flatten(2) for scale in scales for head in scale.split(96, 1)]  # (2, 96, 35) each
    answers = []
    for head in heads:
        q, k, v = (part.transpose(1, 2) for part in head.split(32, 1))  # (2, 35, 32)
        weights = q.relu() @ k.relu().transpose(1, 2)  # (2, 35, 35)
        answers.append((weights @ v / (weights.sum(2, keepdim=True) + 1e-15)).transpose(1, 2))
    expected = attention.proj(torch.cat(answers, 1).view(2, -1, 5, 7))
    torch.testing.assert_close(attention(x), expected)


def test_no_norm_of_the_decoder_has_the_epsilon_of_sams(model: PromptableModel) -> None:
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm | nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-6}
