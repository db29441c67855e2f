"""AP, AR and recall of boxes or masks, as COCO measures them, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.vocabulary import rle

FOUND = 0.5  # IoU from which an object counts as found


@dataclass(frozen=True)
class Answer:
    """One box (x0, y0, x1, y1 in image pixels), or a mask, with its score."""

    score: float
    box: tuple[float, float, float, float] | None = None
    mask: rle.Rle | None = None


@dataclass(frozen=True)
class Figures:
    """Over all images; each 0 to 1.

    Attributes:
        ap: mean of average precision at IoU .50, .55, … .95.
        ap50: average precision at IoU .5.
        ar100: mean recall at these IoUs among 100 answers an image.
        recall: of objects, at IoU .5 among 100 answers an image.
        objects: how many there are.
        images: likewise.
    """

    ap: float
    ap50: float
    ar100: float
    recall: float
    objects: int
    images: int


def judge(answers: Sequence[Sequence[Answer]], objects: Sequence[Sequence[rle.Rle]]) -> Figures:
    """Answers on images against the masks of their objects, categories aside.

    Answers with masks are compared by masks, those with boxes by boxes. What is found and has no mask counts as wrong.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    count = sum(map(len, objects))
    if not count:
        return Figures(0.0, 0.0, 0.0, 0.0, 0, len(objects))
    by_mask = any(each.mask is not None for of_image in answers for each in of_image)
    images = [{"id": number, "height": 1, "width": 1} for number in range(1, len(objects) + 1)]
    truth = [
        _entry(number) | _extent(mask) | {"bbox": list(map(float, rle.bbox(mask)))}
        for number, masks in enumerate(objects, start=1)
        for mask in masks
    ]
    found = [
        _entry(number) | {"score": each.score} | (_box(each) if each.mask is None else _extent(each.mask))
        for number, of_image in enumerate(answers, start=1)
        for each in of_image
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints on its way
        evaluation = COCOeval(_coco(COCO, images, truth), _coco(COCO, images, found), "segm" if by_mask else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    recall = float(evaluation.eval["recall"][0, 0, 0, -1])  # IoU .5, all areas, 100 answers
    ap, ap50, ar100 = (max(0.0, float(evaluation.stats[index])) for index in (0, 1, 8))
    return Figures(ap, ap50, ar100, max(0.0, recall), count, len(objects))


def _entry(image_id: int) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "iscrowd": 0}


def _extent(mask: rle.Rle) -> dict[str, Any]:
    return {"segmentation": {"size": list(mask["size"]), "counts": mask["counts"].encode()}, "area": rle.area(mask)}


def _box(answer: Answer) -> dict[str, Any]:
    assert answer.box is not None, "an answer has a box or a mask"
    x0, y0, x1, y1 = answer.box
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}


def _coco(kind: Any, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Any:
    coco = kind()
    numbered = [{"id": number} | each for number, each in enumerate(annotations, start=1)]
    coco.dataset = {"images": images, "annotations": numbered, "categories": [{"id": 1, "name": "object"}]}
    coco.createIndex()
    return coco
