"""Masks of boxes on one image, whoever the boxes are from: a detector, a file of labels, a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from limner.sam.model import DecoderPrompt
from limner.segment.automatic.candidates import Outlined, masked, stable_outline, suppressed
from limner.segment.automatic.decoding import valid_cells
from limner.segment.automatic.grid import Crop
from limner.segment.automatic.in_order import in_order
from limner.segment.automatic.resample import Upsampler
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.prompts import Prompts

ALIKE = 0.7  # IoU of boxes of masks above which the better one stays

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in image pixels
Progress = Callable[[int, int], None]
Asked = TypeVar("Asked")


@dataclass(frozen=True)
class BoxMask(Generic[Asked]):
    """One mask that the decoder gave for a box.

    Attributes:
        mask: COCO RLE at the image's size.
        score: the geometric mean of the box's confidence and the predicted IoU, 0 to 1.
        predicted_iou: of the decoder, 0 to 1.
        stability: as for everything.
        asked: whose box it was.
    """

    mask: rle.Rle
    score: float
    predicted_iou: float
    stability: float
    asked: Asked


def masks_of_boxes(
    predictor: Predictor,
    image: ImageEmbedding,
    asked: Sequence[tuple[Box, float, Asked]],
    on_progress: Progress | None = None,
    *,
    alike: float | None = ALIKE,
    threads: int = 1,
) -> list[BoxMask[Asked]]:
    """What the decoder answers for boxes; those that it answers with nothing are left out.

    Args:
        predictor: the model.
        image: the whole of it, encoded by that model.
        asked: boxes inside of the image, how sure somebody is of each, 0 to 1, and what to call it by.
        on_progress: called with (boxes done, boxes in all); raise in it to cancel.
        alike: IoU of boxes of masks above which only the better one stays, and the best come first; None keeps all, in
            the order of the boxes.
        threads: boxes that are worked on at once.
    """
    height, width = image.image_size
    config = predictor.model.config
    upsampler = Upsampler(image.geometry, config.low_res_size)
    with torch.inference_mode():
        prepared = predictor.split.prepare(image.features, valid_cells(config, upsampler.needed_cells))
    crop = Crop((0, 0, width, height), 0)
    found: list[tuple[Outlined, float, Asked]] = []

    def answer(each: tuple[Box, float, Asked]) -> tuple[Outlined, float, Asked] | None:
        box, confidence, name = each
        outline = _outline(box, predictor, image, prepared, upsampler, crop)
        return None if outline is None else (outline, (confidence * outline.predicted_iou) ** 0.5, name)

    with closing(in_order(answer, asked, threads)) as answers:
        for done, each in enumerate(answers, start=1):
            if each is not None:
                found.append(each)
            if on_progress is not None:
                on_progress(done, len(asked))
    kept = [outline for outline, *_ in found]
    if alike is not None:
        kept = suppressed(kept, [score for _, score, _ in found], alike)
    known = {id(outline): (score, name) for outline, score, name in found}
    return [
        BoxMask(
            masked(outline, upsampler, height, width).mask, score, outline.predicted_iou, outline.stability_score, name
        )
        for outline in kept
        for score, name in [known[id(outline)]]
    ]


def _outline(
    box: Box,
    predictor: Predictor,
    image: ImageEmbedding,
    prepared: tuple[torch.Tensor, ...],
    upsampler: Upsampler,
    crop: Crop,
) -> Outlined | None:
    """What the decoder answers for one box; None when there is nothing of it."""
    config = predictor.model.config
    coords, labels = Prompts(box=box).model_inputs(image.geometry, config.prompts.padding)
    prompt = DecoderPrompt.of_points(torch.from_numpy(coords), torch.from_numpy(labels), config.low_res_size)
    with torch.inference_mode():
        low_res, ious = predictor.split.decode(prepared, prompt.to(predictor.device))
    (index,) = config.masks.chosen(multimask=False)
    iou = min(max(float(ious[0, index]), 0.0), 1.0)
    x0, y0, x1, y1 = box
    offset = predictor.automatic.stability_score_offset
    logits = low_res[0, index].float().cpu().numpy()
    return stable_outline(logits, upsampler, crop, iou, ((x0 + x1) / 2, (y0 + y1) / 2), offset, 0.0)
