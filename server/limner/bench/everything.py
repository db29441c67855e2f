"""``limner bench everything``: all masks of one picture, against the published generator.

Both have the same seeded weights of SAM ViT-B, the same picture and the same grid. Scores of random weights mean
nothing, so the thresholds are set where they let through as many masks as they would with trained ones, and stability
is taken where the logits of random weights lie; what is computed for each mask is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from limner.bench.harness import Result
from limner.bench.memory import compare_with_memory
from limner.bench.reference import automatic_mask_generator, reference_package
from limner.models.registry import build_model
from limner.sam.sam import Sam
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.predictor import Predictor

SEED = 0
HEIGHT, WIDTH = 683, 1024  # px, of the picture
SHARE_BY_SCORE, SHARE_BY_STABILITY = 0.4, 0.5  # of the masks that pass each filter
OFFSET_SHARE = 0.05  # of the spread of the logits, between the thresholds of stability
SAMPLE_PER_SIDE = 6  # points per side from which the thresholds are set


def run(threads: int, rounds: int, points_per_side: int) -> Iterator[Result]:
    """The comparison.

    Args:
        threads: CPU threads.
        rounds: timed calls of each; one of the reference takes minutes.
        points_per_side: of the grid.
    """
    torch.set_num_threads(threads)
    model = build_model("sam_vit_b", SEED)
    assert isinstance(model, Sam)
    reference = reference_package().sam_model_registry["vit_b"](checkpoint=None).eval()
    reference.load_state_dict(model.state_dict())
    image = picture()
    predictor = Predictor(model)
    options = {"points_per_side": points_per_side, **_thresholds(predictor, image), "output_mode": "coco_rle"}
    ours = AutomaticMaskGenerator(predictor, **options)
    theirs = automatic_mask_generator(reference, **options)
    subject, counts = _counting(lambda: ours.generate(image))
    other, other_counts = _counting(lambda: theirs.generate(image))
    result = compare_with_memory(
        f"sam_vit_b: {points_per_side} × {points_per_side} points, {WIDTH} × {HEIGHT}",
        ("limner", subject),
        ("segment-anything", other),
        rounds=rounds,
        notes=f"{threads} thread(s)",
    )
    yield replace(result, notes=f"{result.notes}; {counts[-1]} masks against {other_counts[-1]}")


def picture() -> NDArray[np.uint8]:
    """Smooth patches of colour (H, W, 3), the same each time."""
    coarse = np.random.default_rng(SEED).integers(0, 256, (12, 18, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def _thresholds(predictor: Predictor, image: NDArray[np.uint8]) -> dict[str, Any]:
    """Of predicted IoU and stability, where the wanted shares of masks pass."""
    middle = WIDTH / 2, HEIGHT / 2
    _, _, logits = predictor.predict([middle], [1], image=predictor.embed(image))
    offset = OFFSET_SHARE * float(logits.std())
    all_masks = AutomaticMaskGenerator(
        predictor,
        SAMPLE_PER_SIDE,
        pred_iou_thresh=-np.inf,
        stability_score_thresh=0,
        stability_score_offset=offset,
        box_nms_thresh=1,
    ).generate(image)
    score = float(np.quantile([mask["predicted_iou"] for mask in all_masks], 1 - SHARE_BY_SCORE))
    passed = [mask["stability_score"] for mask in all_masks if mask["predicted_iou"] > score]
    stability = float(np.quantile(passed, 1 - SHARE_BY_STABILITY))
    return {"pred_iou_thresh": score, "stability_score_thresh": stability, "stability_score_offset": offset}


def _counting(call: Callable[[], list[Any]]) -> tuple[Callable[[], object], list[int]]:
    """The call, and how many masks each one gave."""
    counts: list[int] = []
    return lambda: counts.append(len(call())), counts
