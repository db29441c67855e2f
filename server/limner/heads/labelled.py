"""Masks of objects that somebody else marked, by boxes or by outlines: each is asked for by its box."""

from __future__ import annotations

from collections.abc import Sequence

from limner.segment.embedding import ImageEmbedding
from limner.segment.of_boxes import BoxMask, Progress, masks_of_boxes
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.suggested import MarkedObject, mask_iou


def masks_of_marked(
    predictor: Predictor,
    image: ImageEmbedding,
    marked: Sequence[MarkedObject],
    on_progress: Progress | None = None,
    *,
    threads: int = 1,
) -> list[BoxMask[MarkedObject]]:
    """A mask for each object that the decoder finds anything of, in their order.

    The score is the geometric mean of what is known of how sure one may be: the confidence that the file tells, the
    predicted IoU, and how far mask and mark agree, which is the IoU of the masks where an outline was drawn and that of
    the boxes where only a box was.

    Args:
        predictor: the model.
        image: the whole of it, encoded by that model.
        marked: objects of this image.
        on_progress: called with (boxes done, boxes in all); raise in it to cancel.
        threads: boxes that are worked on at once.

    Raises:
        InvalidRle: an outline is none of this image.
    """
    height, width = image.image_size
    for each in marked:
        if each.counts is not None:
            rle.validate({"size": [height, width], "counts": each.counts}, (height, width))
    asked = [(_inside(each.box, height, width), 1.0, each) for each in marked]
    usable = [each for each in asked if each[0][2] > each[0][0] and each[0][3] > each[0][1]]
    found = masks_of_boxes(predictor, image, usable, on_progress, alike=None, threads=threads)
    return [_scored(each) for each in found]


def _scored(found: BoxMask[MarkedObject]) -> BoxMask[MarkedObject]:
    sure = [found.predicted_iou, _agreement(found.mask, found.asked)]
    if found.asked.confidence is not None:
        sure.append(found.asked.confidence)
    product = 1.0
    for each in sure:
        product *= each
    return BoxMask(found.mask, product ** (1 / len(sure)), found.predicted_iou, found.stability, found.asked)


def _agreement(mask: rle.Rle, marked: MarkedObject) -> float:
    if marked.counts is not None:
        return mask_iou(mask, rle.Rle(size=mask["size"], counts=marked.counts))
    x, y, width, height = rle.bbox(mask)
    x0, y0, x1, y1 = marked.box
    across, down = min(x + width, x1) - max(x, x0), min(y + height, y1) - max(y, y0)
    overlap = max(0.0, across) * max(0.0, down)
    return overlap / (width * height + (x1 - x0) * (y1 - y0) - overlap)


def _inside(box: tuple[float, float, float, float], height: int, width: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    return max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
