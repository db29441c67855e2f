"""Segment everything: the same masks as the original generator, and its parts on their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from limner.errors import InvalidInput
from limner.sam.model import DecoderPrompt, Features, PromptableModel
from limner.sam.sam import Sam
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.automatic.boxes import suppress
from limner.segment.automatic.in_order import in_order
from limner.segment.automatic.regions import remove_small_regions
from limner.segment.automatic.resample import Upsampler
from limner.segment.embedding import full_size
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from tests.sam.reference import SMALL_B, picture, reference_sam, same_weights

SEED = 5


def _nms(boxes: torch.Tensor, scores: torch.Tensor, _groups: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """What torchvision's batched_nms does for one group, written the slow way."""
    keep: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        x0, y0, x1, y1 = boxes[index].tolist()
        overlaps = []
        for kept in keep:
            a0, b0, a1, b1 = boxes[kept].tolist()
            common = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - common
            overlaps.append(common / union if union else 0)
        if all(overlap <= iou_threshold for overlap in overlaps):
            keep.append(index)
    return torch.tensor(keep, dtype=torch.long)


def _box_area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _blobs(image_embeddings: torch.Tensor, coords: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Three wobbly disks around each point (B, 2), and scores: local masks, which random weights do not give.

    Radius, sharpness and score depend on the point and on the image embedding, so that every filter has work to do.
    """
    side = SMALL_B.image_size // 4
    y, x = torch.meshgrid(torch.arange(side) * 4 + 2.0, torch.arange(side) * 4 + 2.0, indexing="ij")
    feature = float(image_embeddings.double().abs().mean() * 1e3 % 1)
    dx, dy = x - coords[:, :1, None], y - coords[:, 1:, None]  # (B, side, side)
    phase = coords.sum(1)[:, None, None]
    wobble = 1 + 0.2 * torch.sin(5 * torch.atan2(dy, dx) + phase + feature)
    radii = torch.tensor([9.0, 21.0, 60.0]) * (1 + 0.3 * torch.sin(phase))  # (B, 1, 3)
    distance = torch.hypot(dx, dy)[:, None]  # (B, 1, side, side)
    sharpness = 0.6 + 0.5 * torch.cos(3 * phase[..., None])
    low_res = (radii.transpose(1, 2)[..., None] * wobble[:, None] - distance) * sharpness
    scores = 0.9 + 0.09 * torch.sin(coords[:, :1] * 0.37 + torch.tensor([0.0, 1.0, 2.0]) + feature)
    return low_res, scores


class _BlobSam(Sam):
    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[torch.Tensor, torch.Tensor]:
        low_res, scores = _blobs(features[IMAGE_EMBEDDINGS], prompt.point_coords[:, 0])
        return torch.cat([low_res[:, :1], low_res], 1), torch.cat([scores[:, :1], scores], 1)

    split = PromptableModel.split


@pytest.fixture(scope="module")
def reference() -> Any:
    """The reference with random weights in its encoder and blobs instead of its decoder."""
    sam = reference_sam(SMALL_B, SEED)

    class Coordinates(torch.nn.Module):
        def forward(self, points: Any, **_rest: Any) -> tuple[torch.Tensor, None]:
            return points[0][:, 0], None

        def get_dense_pe(self) -> None:
            return None

    class Blobs(torch.nn.Module):
        def forward(self, image_embeddings: torch.Tensor, sparse_prompt_embeddings: torch.Tensor, **_rest: Any) -> Any:
            return _blobs(image_embeddings, sparse_prompt_embeddings)

    sam.prompt_encoder, sam.mask_decoder = Coordinates(), Blobs()
    return sam


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    model = same_weights(reference_sam(SMALL_B, SEED), SMALL_B)
    model.__class__ = _BlobSam
    return Predictor(model)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((120, 200), {}),
        ((200, 120), {"min_mask_region_area": 60}),
        ((150, 150), {"crop_n_layers": 1, "crop_n_points_downscale_factor": 2}),
    ],
    ids=["landscape", "portrait with small regions removed", "crops"],
)
def test_same_masks_as_the_original(
    reference: Any,
    predictor: Predictor,
    shape: tuple[int, int],
    options: dict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from segment_anything import SamAutomaticMaskGenerator, automatic_mask_generator

    monkeypatch.setattr(automatic_mask_generator, "batched_nms", _nms)
    monkeypatch.setattr(automatic_mask_generator, "box_area", _box_area)

    settings = {"points_per_side": 12, "points_per_batch": 50, "pred_iou_thresh": 0.85, "stability_score_thresh": 0.9}
    image = picture(*shape)
    theirs = SamAutomaticMaskGenerator(reference, **settings, **options).generate(image)
    ours = AutomaticMaskGenerator(predictor, **settings, **options).generate(image)
    assert 10 < len(theirs) < 350  # the filters had work to do
    assert abs(len(ours) - len(theirs)) <= max(1, len(theirs) // 100)
    stack = np.stack([mask["segmentation"] for mask in ours]).reshape(len(ours), -1).astype(np.float32)
    best = []
    for mask in theirs:
        flat = mask["segmentation"].reshape(-1).astype(np.float32)
        common = stack @ flat
        best.append((common / (stack.sum(1) + flat.sum() - common)).max())
    assert np.mean(np.asarray(best) >= 0.99) >= 0.99
    assert [m["crop_box"] for m in ours] == [m["crop_box"] for m in theirs]
    for key in ("predicted_iou", "stability_score", "point_coords"):
        np.testing.assert_allclose([m[key] for m in ours], [m[key] for m in theirs], atol=1e-3)


def test_forms_of_output_agree_and_bbox_is_of_the_pixels(predictor: Predictor) -> None:
    image = picture(90, 130)
    outputs = {
        mode: AutomaticMaskGenerator(predictor, 6, output_mode=mode).generate(image)
        for mode in ("binary_mask", "coco_rle", "uncompressed_rle")
    }
    assert len(outputs["binary_mask"]) > 0
    for binary, compressed, plain in zip(*outputs.values(), strict=True):
        mask = binary["segmentation"]
        assert compressed["segmentation"] == rle.encode(mask)
        assert rle.from_counts(plain["segmentation"]["counts"], mask.shape) == compressed["segmentation"]
        assert binary["area"] == mask.sum()
        assert binary["bbox"] == coco_mask.toBbox(compressed["segmentation"]).tolist()


def test_progress_counts_points_and_raising_in_it_cancels(predictor: Predictor) -> None:
    generator = AutomaticMaskGenerator(predictor, 4, points_per_batch=6)
    seen: list[tuple[int, int]] = []
    generator.generate(picture(60, 60), lambda done, total: seen.append((done, total)))
    assert seen == [(6, 16), (12, 16), (16, 16)]

    def cancel(done: int, _total: int) -> None:
        raise KeyboardInterrupt(done)

    with pytest.raises(KeyboardInterrupt, match="6"):
        generator.generate(picture(60, 60), cancel)


def test_a_stride_gives_points_about_that_far_apart(predictor: Predictor) -> None:
    totals: list[int] = []
    generator = AutomaticMaskGenerator(predictor, None, points_stride=25)
    generator.generate(picture(60, 100), lambda _done, total: totals.append(total))
    assert totals[-1] == 16


def test_two_grids_at_once_are_refused(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput, match="exactly one of"):
        AutomaticMaskGenerator(predictor, 8, points_stride=10)


@given(st.integers(1, 90), st.integers(1, 90), st.floats(-2, 2), st.integers(0, 9))
def test_a_patch_holds_all_pixels_above_the_level(height: int, width: int, level: float, seed: int) -> None:
    low_res = np.random.default_rng(seed).normal(size=(16, 16)).astype(np.float32)
    geometry = ImageGeometry(height, width, 64)
    whole = full_size(torch.from_numpy(low_res)[None, None], geometry)[0, 0].numpy()
    upsampler = Upsampler(geometry, 16)
    patch = upsampler.patch(low_res, level)
    pasted = np.full((height, width), -np.inf, np.float32)
    if patch is not None:
        pasted[patch.rows, patch.columns] = upsampler.logits(patch)
        np.testing.assert_allclose(pasted[patch.rows, patch.columns], whole[patch.rows, patch.columns], atol=1e-5)
    away = np.abs(whole - level) > 1e-5  # rounding may move a value across the level
    np.testing.assert_array_equal((pasted > level)[away], (whole > level)[away])


def test_suppression_keeps_the_better_of_two_alike() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [20, 20, 30, 30], [0, 0, 0, 0]], float)
    assert suppress(boxes, np.array([0.5, 0.9, 0.1, 0.2]), 0.7).tolist() == [1, 3, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.7).tolist() == []


def test_small_holes_are_filled_and_small_islands_dropped_but_never_all() -> None:
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[5, 5] = False
    mask[18, 18] = True
    cleaned, changed = remove_small_regions(mask, 4)
    assert changed
    assert cleaned.sum() == 100
    alone, changed = remove_small_regions(np.eye(3, dtype=bool), 50)
    assert alone.sum() > 0
    assert remove_small_regions(cleaned, 4)[1] is False


def test_work_in_threads_comes_in_order_and_what_was_not_begun_is_dropped() -> None:
    begun: list[int] = []

    def double(number: int) -> int:
        begun.append(number)
        return 2 * number

    assert list(in_order(double, range(20), threads=4)) == [2 * number for number in range(20)]
    begun.clear()
    results = in_order(double, range(5), threads=1)
    assert next(results) == 0
    results.close()
    assert begun == [0]


def test_threads_change_nothing_but_the_time(predictor: Predictor) -> None:
    image = picture(60, 90)
    options: Any = {"points_per_side": 6, "points_per_batch": 4, "output_mode": "coco_rle"}
    one, three = (AutomaticMaskGenerator(predictor, **options, threads=threads).generate(image) for threads in (1, 3))
    assert one == three
    assert one
