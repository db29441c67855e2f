"""A family unlike SAM's goes the whole way: torch, export, onnxruntime, wire, masks.

vitest takes the same files up in the browser's decoder (``web/src/decoder/made-up.test.ts``).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from limner.encoding.wire import unpack
from limner.errors import InvalidPrompt, ModelError
from limner.models.manifest import Manifest
from limner.models.registry import LoadedModel
from limner.sam.transforms import to_model_input
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.geometry import upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.workers.encoder import CPU, Encoder
from limner_onnx.check import OnnxModel
from limner_onnx.encoder import open_encoder
from limner_onnx.exporter import write_graphs
from tests.made_up import CONFIG, MadeUp
from tests.sam.reference import picture

FILES = Path(__file__).parents[1] / "golden" / "made_up"
CASES = json.loads((FILES / "answers.json").read_text())["cases"]


@pytest.fixture(scope="module")
def model() -> MadeUp:
    return MadeUp().eval()


def prompts_of(case: dict) -> Prompts:
    box = tuple(case["box"]) if case["box"] else None
    return Prompts(tuple(map(tuple, case["points"])), tuple(case["labels"]), box)


def test_the_manifest_says_what_the_model_is(model: MadeUp, tmp_path: Path) -> None:
    manifest = write_graphs(LoadedModel(model, "made_up", "d" * 64), tmp_path)
    assert (manifest.features, manifest.masks, manifest.prompts) == (CONFIG.features, CONFIG.masks, CONFIG.prompts)
    assert manifest.input.fit == "stretch"
    assert Manifest.read(tmp_path) == manifest
    assert manifest.graphs.prepare.inputs == ("coarse", "fine")
    assert manifest.graphs.prepare.outputs == ("prepared_coarse", "prepared_fine")
    kept = Manifest.read(FILES)
    assert (kept.features, kept.masks, kept.prompts, kept.input) == (
        manifest.features,
        manifest.masks,
        manifest.prompts,
        manifest.input,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['points'])} points, box {case['box']}")
def test_its_graphs_give_the_golden_masks(model: MadeUp, tmp_path: Path, case: dict) -> None:
    features, info = unpack((FILES / "embedding.safetensors").read_bytes())
    geometry = CONFIG.geometry(info.image_height, info.image_width)
    write_graphs(LoadedModel(model, "made_up", "d" * 64), tmp_path)
    onnx = OnnxModel(tmp_path / "prepare.onnx", tmp_path / "decode.onnx", threads=1)
    coords, labels = prompts_of(case).model_inputs(geometry, CONFIG.prompts.padding)
    no_mask = np.zeros((1, 1, CONFIG.low_res_size, CONFIG.low_res_size), np.float32)
    prompt = (coords, labels, no_mask, np.zeros(1, np.float32))
    low_res, iou = onnx.decode(onnx.prepare(features), prompt)
    np.testing.assert_allclose(iou[0], case["iou_predictions"], atol=1e-5)
    chosen = choose_mask(iou[0], prompts_of(case), CONFIG.masks)
    assert chosen == case["chosen"]
    assert rle.encode(upsample_logits(low_res[0, chosen], geometry) > 0) == case["mask"]


def test_its_encoder_gives_both_features_in_torch_and_in_onnxruntime(model: MadeUp, tmp_path: Path) -> None:
    image = picture(48, 80)
    with torch.inference_mode():
        expected = model.encode(to_model_input(image, CONFIG)[None])
    for on_cpu in (None, open_encoder(model, tmp_path, 1)):
        (found,) = Encoder(model, CPU, on_cpu=on_cpu).encode([image])
        assert list(found) == ["coarse", "fine"]
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name].numpy(), atol=1e-5)


def test_a_stretched_image_fills_the_square(model: MadeUp) -> None:
    pixels = to_model_input(np.full((10, 40, 3), 255, np.uint8), CONFIG)
    assert pixels.shape == (3, 32, 32)
    assert (pixels > 2).all()  # no padding, which would be 0


def test_the_predictor_gives_the_masks_that_the_model_has(model: MadeUp) -> None:
    predictor = Predictor(model)
    predictor.set_image(picture(48, 80))
    assert set(predictor.get_image_features()) == {"coarse", "fine"}
    several, scores, low_res = predictor.predict([[20, 30]], [1])
    assert (several.shape, scores.shape, low_res.shape) == ((2, 48, 80), (2,), (2, 16, 16))
    (clear,), (score,), _ = predictor.predict([[20, 30]], [1], multimask_output=False)
    low, iou = predictor.decode(predictor._opened(None), Prompts(((20, 30),), (1,)))
    assert score == iou[0, 2]
    np.testing.assert_allclose(predictor.predict([[20, 30]], [1], multimask_output=False)[2], low[0, 2:].numpy())
    assert clear.any()
    with pytest.raises(InvalidPrompt, match="takes no mask prompt"):
        predictor.predict([[20, 30]], [1], mask_input=np.zeros((1, 16, 16)))


def test_everything_is_segmented_by_the_masks_for_lone_points(model: MadeUp) -> None:
    generator = AutomaticMaskGenerator(
        Predictor(model), 4, pred_iou_thresh=0.1, stability_score_thresh=0.1, box_nms_thresh=0.95
    )
    found = generator.generate(picture(48, 80))
    predictor = Predictor(model)
    predictor.set_image(picture(48, 80))
    ratings = {round(float(score), 5) for score in predictor.predict([[20, 30]], [1])[1]}
    assert found
    assert {round(mask["predicted_iou"], 5) for mask in found} <= ratings  # never that of the mask for clear prompts


def test_a_manifest_of_the_version_before_is_exported_again(tmp_path: Path) -> None:
    old = {
        **json.loads((FILES / "manifest.json").read_text()),
        "format": 1,
        "embedding": {"channels": 4, "height": 4, "width": 4},
        "low_res_size": 16,
        "num_masks": 4,
    }
    for name in ("features", "prompts", "masks"):
        del old[name]
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    with pytest.raises(ModelError, match="not a manifest of this version"):
        Manifest.read(tmp_path)


def test_impossible_masks_are_no_manifest(tmp_path: Path) -> None:
    text = json.loads((FILES / "manifest.json").read_text())
    text["masks"]["ambiguous"] = [0, 3]
    (tmp_path / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match="not all among 3"):
        Manifest.read(tmp_path)
    assert dataclasses.replace(CONFIG.masks, ambiguous=()).chosen(multimask=True) == (2,)
