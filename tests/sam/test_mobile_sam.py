"""MobileSAM: the published names and shapes, and the reference implementation's values on seeded weights."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.models.install import install_file
from limner.models.registry import infer_family, model_from_state
from limner.sam.model import DecoderPrompt, PromptableModel
from limner.sam.tiny_vit import WindowAttention
from limner.sam.transforms import to_model_input
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner_onnx.encoder import open_encoder
from tests.sam.seeded import seeded

GOLDEN = Path(__file__).parents[1] / "golden"
SHAPES: dict[str, list[int]] = json.loads((GOLDEN / "mobile_sam_state_dict.json").read_text())


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Seeded weights under the published names. Integer buffers keep their own value, a count of training steps."""
    return {name: seeded(name, shape) if shape else torch.tensor(0) for name, shape in SHAPES.items()}


@pytest.fixture(scope="module")
def model(state: dict[str, Tensor]) -> PromptableModel:
    # The reference caches its attention biases when it is switched to evaluation, which it was before these weights
    # were loaded: its golden values are those of zero biases. The last test holds the biases to their definition.
    unbiased = {name: values * ("attention_biases" not in name) for name, values in state.items()}
    return model_from_state(unbiased, "golden", "mobile_sam")


def _golden_image() -> np.ndarray:
    y, x, c = np.meshgrid(np.arange(683), np.arange(1024), np.arange(3), indexing="ij")
    stripes = (x * 3 + y * 5 + c * 40) % 256 * 0.5
    return (stripes + ((x // 64 + y // 48 + c) % 2) * 100).clip(0, 255).astype(np.uint8)


def test_the_published_checkpoint_is_recognised_by_its_tensors(state: dict[str, Tensor]) -> None:
    assert infer_family(state, "mobile_sam.pt") == "mobile_sam"


@torch.inference_mode()
def test_values_of_the_reference_implementation(model: PromptableModel) -> None:
    golden = np.load(GOLDEN / "mobile_sam_golden.npz")
    features = model.encode(to_model_input(_golden_image(), model.config)[None])
    embeddings = features[IMAGE_EMBEDDINGS]
    np.testing.assert_allclose(embeddings[0, ::17, ::5, ::5], golden["embedding"], atol=1e-4)
    np.testing.assert_allclose(embeddings.mean(), golden["embedding_mean"], rtol=1e-4)
    coords = torch.tensor([[[500.0, 300.0], [200.0, 400.0], [100.0, 100.0], [700.0, 600.0]]])
    prompt = DecoderPrompt.of_points(coords, torch.tensor([[1.0, 0.0, 2.0, 3.0]]), 256)
    low_res, scores = model.decode(features, prompt)
    np.testing.assert_allclose(low_res[0, :, ::11, ::11], golden["low_res_masks"], atol=1e-4)
    np.testing.assert_allclose(scores[0], golden["iou_predictions"], atol=1e-4)


def test_the_published_file_is_recognised(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "mobile_sam.pt")
    card = install_file(tmp_path / "mobile_sam.pt", tmp_path, name="mobile_sam").card
    assert (card.family, card.cpu_runtime, card.cpu_precision) == ("mobile_sam", "torch", "float32")


def test_the_encoder_runs_in_onnxruntime(model: PromptableModel, tmp_path: Path) -> None:
    pixels = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = model.encode(pixels)[IMAGE_EMBEDDINGS].numpy()
    made = open_encoder(model, tmp_path, threads=1)(pixels.numpy())[IMAGE_EMBEDDINGS]
    assert np.linalg.norm(made - expected) < 1e-4 * np.linalg.norm(expected)


@torch.inference_mode()
def test_attention_biases_belong_to_distances() -> None:
    """Against attention written out pair by pair, offsets counted as TinyViT's definition enumerates them."""
    torch.manual_seed(0)
    window, heads, dim = 3, 2, 8
    attention = WindowAttention(dim, heads, window)
    attention.attention_biases.normal_()
    cells = list(product(range(window), range(window)))
    numbers: dict[tuple[int, int], int] = {}
    for a, b in product(cells, cells):
        numbers.setdefault((abs(a[0] - b[0]), abs(a[1] - b[1])), len(numbers))
    x = torch.randn(2, len(cells), dim)
    q, k, v = attention.qkv(attention.norm(x)).view(2, len(cells), heads, 3, dim // heads).unbind(3)
    answer = torch.zeros(2, len(cells), heads, dim // heads)
    for head, (i, a) in product(range(heads), enumerate(cells)):
        biases = torch.stack(
            [attention.attention_biases[head, numbers[abs(a[0] - b[0]), abs(a[1] - b[1])]] for b in cells]
        )
        scores = (q[:, i, None, head] * k[:, :, head]).sum(-1) * (dim // heads) ** -0.5 + biases
        answer[:, i, head] = (scores.softmax(-1)[..., None] * v[:, :, head]).sum(1)
    torch.testing.assert_close(attention(x), attention.proj(answer.flatten(2)))
