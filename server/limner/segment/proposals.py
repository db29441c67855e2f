"""Proposals of objects for a detector or a person to choose from (SAM paper, section 7.3, appendix D.3)."""

from __future__ import annotations

from collections.abc import Sequence

from limner.segment.automatic import AutomaticMask, AutomaticMaskGenerator
from limner.segment.predictor import Predictor

POINTS_PER_SIDE = 64  # as in the paper: more points than for segmenting everything,
BOX_NMS_THRESH = 0.9  # and masks that overlap much are kept, since recall counts
AT_MOST = 1000  # per image


def proposal_generator(
    predictor: Predictor,
    points_per_side: int = POINTS_PER_SIDE,
    pred_iou_thresh: float | None = None,
    stability_score_thresh: float | None = None,
) -> AutomaticMaskGenerator:
    """The generator of all masks, set for recall; thresholds are by default those of the model's card."""
    return AutomaticMaskGenerator(
        predictor,
        points_per_side=points_per_side,
        pred_iou_thresh=pred_iou_thresh,
        stability_score_thresh=stability_score_thresh,
        box_nms_thresh=BOX_NMS_THRESH,
        output_mode="coco_rle",
    )


def score_of(mask: AutomaticMask) -> float:
    """The mean of predicted IoU and stability, by which the paper ranks proposals."""
    return (mask["predicted_iou"] + mask["stability_score"]) / 2


def ranked(masks: Sequence[AutomaticMask]) -> list[AutomaticMask]:
    """The best ``AT_MOST`` masks, best first; equal ones in the order they came in."""
    return sorted(masks, key=score_of, reverse=True)[:AT_MOST]
