"""The same weights give what the published ``segment-anything`` package gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from limner.sam.sam import Sam
from limner.sam.transforms import to_model_input
from limner.sam.vit import VIT_B, VitConfig
from limner.segment.predictor import Predictor
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from tests.sam.reference import (
    SMALL_B,
    SMALL_H,
    SMALL_L,
    picture,
    reference_sam,
    relative_difference,
    same_weights,
)

SHAPES = {"landscape": (170, 256), "portrait": (333, 217), "square": (256, 256), "panorama": (90, 700), "tiny": (9, 7)}
TOLERANCE = 1e-4

Pair = tuple[Any, Sam]


@pytest.fixture(scope="module")
def small() -> Pair:
    reference = reference_sam(SMALL_B, seed=3)
    return reference, same_weights(reference, SMALL_B)


def prompt(kind: str, height: int, width: int, low_res: int) -> dict[str, Any]:
    """Arguments for ``SamPredictor.predict`` and for ours."""
    points = np.array([[0.4 * width, 0.3 * height], [0.8 * width, 0.7 * height], [0.1 * width, 0.9 * height]])
    box = np.array([0.2 * width, 0.1 * height, 0.7 * width, 0.8 * height])
    logits = np.random.default_rng(5).normal(0, 4, (1, low_res, low_res)).astype(np.float32)
    arguments: dict[str, Any] = {
        "point": {"point_coords": points[:1], "point_labels": np.array([1])},
        "points": {"point_coords": points, "point_labels": np.array([1, 0, 1])},
        "box": {"box": box},
        "box and points": {"box": box, "point_coords": points, "point_labels": np.array([1, 0, 1])},
        "mask and point": {"mask_input": logits, "point_coords": points[:1], "point_labels": np.array([0])},
        "mask and box": {"mask_input": logits, "box": box},
    }
    chosen: dict[str, Any] = arguments[kind]
    return chosen


KINDS = ("point", "points", "box", "box and points", "mask and point", "mask and box")


@pytest.fixture(scope="module", params=SHAPES)
def scene(small: Pair, request: pytest.FixtureRequest) -> tuple[str, Any, Predictor]:
    """An image's shape, and both predictors with that image set."""
    reference, model = small
    from segment_anything import SamPredictor

    image = picture(*SHAPES[request.param])
    theirs, ours = SamPredictor(reference), Predictor(model)
    theirs.set_image(image)
    ours.set_image(image)
    return request.param, theirs, ours


def test_preprocessing_and_embedding(scene: tuple[str, Any, Predictor]) -> None:
    shape, theirs, ours = scene
    model_input = to_model_input(picture(*SHAPES[shape]), ours.model.config)
    with torch.no_grad():
        embeddings = ours.model.encode(model_input[None])[IMAGE_EMBEDDINGS]
    assert relative_difference(embeddings, theirs.get_image_embedding()) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("multimask", [True, False])
def test_predictor(scene: tuple[str, Any, Predictor], kind: str, multimask: bool) -> None:
    shape, theirs, ours = scene
    arguments = prompt(kind, *SHAPES[shape], ours.model.config.low_res_size)
    their_masks, their_iou, their_logits = theirs.predict(**arguments, multimask_output=multimask)
    masks, iou, logits = ours.predict(**arguments, multimask_output=multimask)

    assert relative_difference(torch.tensor(logits), torch.tensor(their_logits)) < TOLERANCE
    assert relative_difference(torch.tensor(iou), torch.tensor(their_iou)) < TOLERANCE
    assert masks.shape == their_masks.shape
    assert masks.dtype == np.bool_
    for mask, their_mask in zip(masks, their_masks, strict=True):
        assert shape == "tiny" or 0 < their_mask.sum() < their_mask.size
        assert (mask & their_mask).sum() >= 0.999 * (mask | their_mask).sum()


@pytest.mark.parametrize("vit", [SMALL_L, SMALL_H], ids=["vit_l", "vit_h"])
def test_wider_encoders(vit: VitConfig) -> None:
    reference = reference_sam(vit, seed=7)
    model = same_weights(reference, vit)
    images = torch.randn(2, 3, vit.image_size, vit.image_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert relative_difference(model.encode(images)[IMAGE_EMBEDDINGS], reference.image_encoder(images)) < TOLERANCE


def test_vit_b_at_full_size() -> None:
    reference = reference_sam(VIT_B, seed=11)
    model = same_weights(reference, VIT_B)
    from segment_anything import SamPredictor

    image = picture(683, 1024)
    theirs = SamPredictor(reference)
    theirs.set_image(image)
    ours = Predictor(model)
    embedded = ours.embed(image)
    assert relative_difference(embedded.features[IMAGE_EMBEDDINGS], theirs.get_image_embedding()) < TOLERANCE
    for kind in KINDS:
        arguments = prompt(kind, 683, 1024, 256)
        _, their_iou, their_logits = theirs.predict(**arguments)
        _, iou, logits = ours.predict(**arguments, image=embedded)
        assert relative_difference(torch.tensor(logits), torch.tensor(their_logits)) < TOLERANCE
        assert relative_difference(torch.tensor(iou), torch.tensor(their_iou)) < TOLERANCE


def test_position_bias_in_parts_is_the_same(small: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = small
    image = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole = model.encode(image)[IMAGE_EMBEDDINGS]
        monkeypatch.setattr("limner.sam.relative_positions.MAX_CACHED_ELEMENTS", 1)
        assert relative_difference(model.encode(image)[IMAGE_EMBEDDINGS], whole) < 1e-5
