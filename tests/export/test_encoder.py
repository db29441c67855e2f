"""The encoder in onnxruntime: the same as in torch, exported once, and used where the model's card says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.errors import ExportFailed
from limner.models.registry import build_sam
from limner.sam.transforms import to_model_input
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner.workers.encoder import CPU, Encoder
from limner_onnx import encoder as module
from limner_onnx.encoder import GRAPH_FILE, open_encoder
from tests.sam.reference import SMALL_B


def test_it_agrees_with_torch_and_is_exported_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_sam("sam_vit_b", SMALL_B).eval()
    rgb = np.random.default_rng(1).integers(0, 256, (60, 90, 3), np.uint8)
    images = to_model_input(rgb, model.config)[None]
    with torch.inference_mode():
        expected = model.encode(images)[IMAGE_EMBEDDINGS].numpy()
    np.testing.assert_allclose(open_encoder(model, tmp_path, 1)(images.numpy())[IMAGE_EMBEDDINGS], expected, atol=1e-4)
    assert not any(part.training for part in model.modules())
    written = (tmp_path / GRAPH_FILE).stat().st_mtime_ns
    (embedding,) = Encoder(model, CPU, on_cpu=open_encoder(model, tmp_path, 1)).encode([rgb])
    np.testing.assert_allclose(embedding[IMAGE_EMBEDDINGS], expected, atol=1e-4)
    assert (tmp_path / GRAPH_FILE).stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == [GRAPH_FILE]


def test_an_encoder_that_disagrees_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DIFFERENCE", 0.0)
    with pytest.raises(ExportFailed, match="image_embeddings differ between onnxruntime and torch"):
        open_encoder(build_sam("sam_vit_b", SMALL_B).eval(), tmp_path, 1)
    assert list(tmp_path.iterdir()) == []
