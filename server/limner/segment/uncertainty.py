"""How sure a model is of an image that nobody has annotated: asked with a coarse grid of points, each alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from limner.segment.automatic.decoding import PointDecoder
from limner.segment.automatic.grid import point_grid
from limner.segment.automatic.resample import Upsampler
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor

POINTS_PER_SIDE = 4


@dataclass(frozen=True)
class Assessment:
    """What a model says of an image without being asked for anything in it; means over the points.

    Attributes:
        predicted_iou: its rating of the best mask of a point, 0 to 1.
        stability: IoU of that mask between a higher and a lower threshold, 0 to 1.
        agreement: mean IoU of a point's masks with each other, 0 to 1.
        vector: (C,), the mean of the embedding's first feature over the image.
    """

    predicted_iou: float
    stability: float
    agreement: float
    vector: NDArray[np.float32]


def assess(
    predictor: Predictor,
    embedding: ImageEmbedding,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> Assessment:
    """Ask the model with a grid of points, and pool the embedding.

    Args:
        predictor: the model.
        embedding: of the whole image.
        on_progress: called with (points done, points in all); raise in it to cancel.
    """
    config, offset = predictor.model.config, predictor.automatic.stability_score_offset
    height, width = embedding.image_size
    points = point_grid(POINTS_PER_SIDE) * (width, height)
    needed = Upsampler(embedding.geometry, config.low_res_size).needed_cells
    decode = PointDecoder(predictor, embedding, -np.inf, needed)
    best, stabilities, agreements = [], [], []
    for index in range(len(points)):
        rated = list(decode(points[index : index + 1]))
        logits = [each.low_res[: needed[0], : needed[1]] for each in rated]
        first = int(np.argmax([each.predicted_iou for each in rated]))
        best.append(min(1.0, max(0.0, rated[first].predicted_iou)))
        stabilities.append(_ratio(logits[first] > offset, logits[first] > -offset))
        masks = [each > 0 for each in logits]
        pairs = [_ratio(a & b, a | b) for a, b in combinations(masks, 2)]
        agreements.append(float(np.mean(pairs)) if pairs else 1.0)
        on_progress(index + 1, len(points))
    means = [float(np.mean(each)) for each in (best, stabilities, agreements)]
    return Assessment(means[0], means[1], means[2], _pooled(predictor, embedding))


def _ratio(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    """Cells of the one to cells of the other; 0 where there are none."""
    count = int(np.count_nonzero(whole))
    return np.count_nonzero(part) / count if count else 0.0


def _pooled(predictor: Predictor, embedding: ImageEmbedding) -> NDArray[np.float32]:
    values = embedding.features[predictor.model.config.features[0].name][0]  # (C, h, w)
    side = embedding.geometry.image_size
    rows, columns = (
        max(1, round(cells * pixels / side))
        for cells, pixels in zip(values.shape[1:], embedding.geometry.input_size, strict=True)
    )
    return np.asarray(values[:, :rows, :columns].float().mean((1, 2)).cpu().numpy(), np.float32)
