"""Average recall of mask proposals, as COCO's and LVIS's evaluations have it (SAM paper, section 7.3)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from limner.vocabulary import rle

AT_MOST = (10, 100, 1000)  # proposals per image
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}  # COCO's, in pixels

Entry = dict[str, Any]


@dataclass(frozen=True)
class Proposed:
    """One image: its size, the masks that people drew, and proposals with their scores."""

    size: tuple[int, int]  # height, width
    truth: Sequence[rle.Rle]
    proposals: Sequence[rle.Rle]
    scores: Sequence[float]


def average_recall(images: Sequence[Proposed]) -> dict[str, float]:
    """Recall averaged over the IoU thresholds .50, .55, …, .95, whatever the categories.

    Returns:
        ``AR@10``, ``AR@100``, ``AR@1000``, and ``AR@1000 small``, ``medium`` and ``large``; NaN where there are no
        masks of that size.
    """
    truth: list[Entry] = []
    found: list[Entry] = []
    for number, image in enumerate(images, start=1):
        truth += [
            {"image_id": number, "category_id": 1, "iscrowd": 0, **_measured(mask), "id": len(truth) + 1 + index}
            for index, mask in enumerate(image.truth)
        ]
        found += [
            {"image_id": number, "category_id": 1, "score": score, **_measured(mask), "id": len(found) + 1 + index}
            for index, (mask, score) in enumerate(zip(image.proposals, image.scores, strict=True))
        ]
    heads = [{"id": number, "height": each.size[0], "width": each.size[1]} for number, each in enumerate(images, 1)]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
        evaluation = COCOeval(_dataset(heads, truth), _dataset(heads, found), "segm")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = list(AT_MOST)
        evaluation.params.areaRng = [list(limits) for limits in AREAS.values()]
        evaluation.params.areaRngLbl = list(AREAS)
        evaluation.evaluate()
        evaluation.accumulate()
    recall = evaluation.eval["recall"][:, 0]  # (thresholds, areas, numbers of proposals); -1 where there is nothing
    figures = {f"AR@{most}": _mean(recall[:, 0, index]) for index, most in enumerate(AT_MOST)}
    for index, area in enumerate(list(AREAS)[1:], start=1):
        figures[f"AR@{AT_MOST[-1]} {area}"] = _mean(recall[:, index, -1])
    return figures


def _measured(mask: rle.Rle) -> Entry:
    return {"segmentation": mask, "area": rle.area(mask), "bbox": rle.bbox(mask)}


def _dataset(images: list[Entry], annotations: list[Entry]) -> COCO:
    coco = COCO()
    coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}
    coco.createIndex()
    return coco


def _mean(values: Any) -> float:
    there = values[values > -1]
    return float(there.mean()) if len(there) else float("nan")
