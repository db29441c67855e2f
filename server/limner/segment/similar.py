"""Objects that look like examples, found on an encoded image without encoding anything again.

Examples are masks on images whose embeddings are stored. The embedding is averaged inside each of them; where another
embedding points the same way (cosine) there are peaks, which are asked for as points. Where it does so inside a box of
the example's size, and less around that, the box is asked for. What the decoder answers is averaged the same way and
compared with the examples again.

Embeddings have a large part in common everywhere, so each has its own mean over the image taken away first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from limner.sam.model import DecoderPrompt
from limner.segment.automatic.boxes import suppress
from limner.segment.automatic.candidates import Outlined, masked, stable_outline, suppressed
from limner.segment.automatic.decoding import valid_cells
from limner.segment.automatic.grid import Crop
from limner.segment.automatic.in_order import in_order
from limner.segment.automatic.resample import Logits, Upsampler
from limner.segment.embedding import ImageEmbedding
from limner.segment.exemplars import Exemplar, Field, cells_of_logits, field_of
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.prompts import Box, Prompts

AT_MOST = 32  # points that are asked for, and boxes
LEAST_COSINE = 0.2  # of a peak with the example that it is most like
SIZE_SPREAD = 0.5  # standard deviation of the logarithm of areas of objects of one kind
LEAST_SCORE = 0.05
ALIKE = 0.6  # IoU of boxes of masks above which the better one stays
BOXES_APART = 0.5  # likewise, of boxes that are asked for
AROUND = 1.5  # side of what counts as around an example, in sides of its box

Progress = Callable[[int, int], None]
Point = tuple[float, float]


@dataclass(frozen=True)
class SimilarMask:
    """One mask that looks like an example.

    Attributes:
        mask: COCO RLE at the image's size.
        score: the product of likeness, likeness of size and predicted IoU, 0 to 1.
        stability: as for everything.
        point: where it was asked for, x and y in image pixels.
        box: that was asked for too, or None.
        example: index of the one that it is most like.
    """

    mask: rle.Rle
    score: float
    stability: float
    point: Point
    box: Box | None
    example: int


@dataclass(frozen=True)
class _Asked:
    point: Point
    box: Box | None


def peaks_of(values: NDArray[np.float32], least: float) -> list[tuple[int, int, float]]:
    """Row, column and value of local maxima (3 × 3) above ``least``, the highest first; of equal neighbours one."""
    padded = np.pad(values, 1, constant_values=-np.inf)
    rows, columns = values.shape
    around = [
        (padded[1 + y : 1 + y + rows, 1 + x : 1 + x + columns], (y, x) < (0, 0))
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if (y, x) != (0, 0)
    ]
    is_peak = values > least
    for other, before in around:
        is_peak &= (values > other) if before else (values >= other)
    found = [
        (int(row), int(column), float(values[row, column])) for row, column in zip(*np.nonzero(is_peak), strict=True)
    ]
    return sorted(found, key=lambda peak: -peak[2])


def contrast(values: NDArray[np.float32], example: Exemplar, stride: tuple[float, float]) -> NDArray[np.float32]:
    """For a box of the example's size around each cell: the mean of values (h, w) inside, minus that around it.

    Args:
        values: of each cell.
        example: whose size is meant.
        stride: (y, x), model pixels per cell.
    """
    width, height = example.size[0] / stride[1], example.size[1] / stride[0]  # cells
    inner_sides, outer_sides = _sides(width, height), _sides(AROUND * width, AROUND * height)
    outer_sides = max(outer_sides[0], inner_sides[0] + 2), max(outer_sides[1], inner_sides[1] + 2)
    means = [cv2.blur(values, sides, borderType=cv2.BORDER_REFLECT) for sides in (inner_sides, outer_sides)]
    small, large = inner_sides[0] * inner_sides[1], outer_sides[0] * outer_sides[1]
    frame = (means[1] * large - means[0] * small) / (large - small)
    return np.asarray(means[0] - frame, np.float32)


def _sides(width: float, height: float) -> tuple[int, int]:
    """The nearest odd numbers of cells, so that a box has a middle cell."""
    return 2 * round((width - 1) / 2) + 1 if width > 1 else 1, 2 * round((height - 1) / 2) + 1 if height > 1 else 1


def inside(image: ImageEmbedding, at: NDArray[np.float64]) -> Point:
    """Model pixels x and y -> image pixels, kept inside the image."""
    x, y = image.geometry.to_image(at).tolist()
    height, width = image.image_size
    return min(max(x, 0.0), math.nextafter(width, 0)), min(max(y, 0.0), math.nextafter(height, 0))


@dataclass(frozen=True)
class _Rated:
    candidate: Outlined
    score: float
    asked: _Asked
    example: int


class SimilarFinder:
    """Finds what looks like examples.

    Args:
        predictor: the model, whose embeddings the examples were pooled from.
        examples: at least one.
        refused: what was found before and is not meant: what is more like one of these is left out.
        threads: prompts that are worked on at once.
    """

    def __init__(
        self,
        predictor: Predictor,
        examples: Sequence[Exemplar],
        refused: Sequence[Exemplar] = (),
        *,
        threads: int = 1,
    ) -> None:
        self._predictor = predictor
        self._examples = examples
        self._wanted = np.stack([each.direction for each in examples])  # (N, C)
        self._refused = np.stack([each.direction for each in refused]) if refused else None
        self._threads = threads

    def find(self, image: ImageEmbedding, on_progress: Progress | None = None) -> list[SimilarMask]:
        """Masks on an image, best first.

        Args:
            image: the whole of it, encoded.
            on_progress: called with (prompts done, prompts in all); raise in it to cancel.
        """
        height, width = image.image_size
        field = field_of(image)
        asked = self._prompts(image, field)
        upsampler = Upsampler(image.geometry, self._predictor.model.config.low_res_size)
        with torch.inference_mode():
            valid_size = valid_cells(self._predictor.model.config, upsampler.needed_cells)
            prepared = self._predictor.split.prepare(image.features, valid_size)
        crop = Crop((0, 0, width, height), 0)

        def answer(prompt: _Asked) -> list[_Rated]:
            return self._answers(prompt, image, field, prepared, upsampler, crop)

        found: list[_Rated] = []
        with closing(in_order(answer, asked, self._threads)) as answers:
            for done, rated in enumerate(answers, start=1):
                found += rated
                if on_progress is not None:
                    on_progress(done, len(asked))
        by_candidate = {id(each.candidate): each for each in found}
        best = suppressed([each.candidate for each in found], [each.score for each in found], ALIKE)
        return [
            SimilarMask(
                masked(candidate, upsampler, height, width).mask,
                each.score,
                candidate.stability_score,
                each.asked.point,
                each.asked.box,
                each.example,
            )
            for candidate in best
            for each in [by_candidate[id(candidate)]]
        ]

    def _prompts(self, image: ImageEmbedding, field: Field) -> list[_Asked]:
        """Peaks as points, and places where an example's box would fit as boxes with the point in their middle."""
        channels, *shape = field.directions.shape
        directions = field.directions.reshape(channels, -1).T
        best, _ = self._likeness(directions)
        points = peaks_of(best.reshape(shape), LEAST_COSINE)[:AT_MOST]
        asked = [_Asked(inside(image, field.centre(row, column)), None) for row, column, _ in points]
        corners, scores = [], []
        for example in self._examples:
            cosines = np.where(best > -1, directions @ example.direction, np.float32(-1)).reshape(shape)
            for row, column, score in peaks_of(contrast(cosines, example, field.stride), 0.0):
                middle, half = field.centre(row, column), np.divide(example.size, 2)
                corners.append([*(middle - half), *(middle + half)])
                scores.append(score)
        boxes = np.asarray(corners, np.float64).reshape(-1, 4)  # in model pixels
        height, width = image.image_size
        for index in suppress(boxes, np.asarray(scores, np.float64), BOXES_APART)[:AT_MOST]:
            in_image = image.geometry.to_image(boxes[index].reshape(2, 2)).reshape(4)
            left, top, right, bottom = np.clip(in_image, 0, [width, height] * 2).tolist()
            if right - left >= 1 and bottom - top >= 1:
                asked.append(_Asked(inside(image, boxes[index].reshape(2, 2).mean(axis=0)), (left, top, right, bottom)))
        return asked

    def _answers(
        self,
        asked: _Asked,
        image: ImageEmbedding,
        field: Field,
        prepared: tuple[torch.Tensor, ...],
        upsampler: Upsampler,
        crop: Crop,
    ) -> list[_Rated]:
        """What the decoder answers, as far as it is good, and like an example."""
        config = self._predictor.model.config
        prompts = Prompts(points=(asked.point,), labels=(1,), box=asked.box, has_mask=False)
        coords, labels = prompts.model_inputs(image.geometry, config.prompts.padding)
        prompt = DecoderPrompt.of_points(torch.from_numpy(coords), torch.from_numpy(labels), config.low_res_size)
        prompt = prompt.to(self._predictor.device)
        least, wanted = (
            self._predictor.automatic.pred_iou_thresh,
            list(config.masks.chosen(multimask=asked.box is None)),
        )
        with torch.inference_mode():
            if asked.box is None:  # masks that are rated low need not be made
                low_res, ious = self._predictor.split.decode_above(least, prepared, prompt)
            else:
                low_res, ious = self._predictor.split.decode(prepared, prompt)
                low_res = low_res[0, wanted][ious[0, wanted] > least]
        ratings = ious[0, wanted].float().cpu().numpy()
        rated = [
            self._rated(asked, logits, float(iou), field, upsampler, crop)
            for iou, logits in zip(ratings[ratings > least], low_res.float().cpu().numpy(), strict=True)
        ]
        return [each for each in rated if each is not None]

    def _rated(
        self, asked: _Asked, low_res: Logits, iou: float, field: Field, upsampler: Upsampler, crop: Crop
    ) -> _Rated | None:
        card = self._predictor.automatic
        weights = cells_of_logits(low_res, field)
        if not weights.any():
            return None
        (likeness,), (which,) = self._likeness(field.pooled(weights)[None])
        size = math.log(float(weights.sum()) / self._examples[int(which)].cells) / SIZE_SPREAD
        score = float(max(likeness, 0.0) * math.exp(-0.5 * size * size) * min(max(iou, 0.0), 1.0))
        if score < LEAST_SCORE:
            return None
        offset, least = card.stability_score_offset, card.stability_score_thresh
        candidate = stable_outline(low_res, upsampler, crop, iou, asked.point, offset, least)
        return None if candidate is None else _Rated(candidate, score, asked, int(which))

    def _likeness(self, directions: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Directions (M, C) -> cosine with the example that each is most like, and which one that is.

        What is more like something refused has −1.
        """
        cosines = directions @ self._wanted.T  # (M, N)
        best = cosines.max(axis=1)
        if self._refused is not None:
            best = np.where((directions @ self._refused.T).max(axis=1) > best, np.float32(-1), best)
        return best, cosines.argmax(axis=1)
