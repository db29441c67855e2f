"""Suggestions in the words that server, worker and pages share: where they come from, and what can be asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from limner.vocabulary.rle import Rle, area, bbox, decode

SAME = 0.7  # IoU above which two masks are of the same object
MAX_POINTS_PER_SIDE = 64
MAX_SUGGESTIONS = 1000  # of one run on one image; the best ones are kept


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Everything(_Asked):
    """All masks that a regular grid of points finds: ``points_per_side`` points along each side."""

    source: Literal["everything"] = "everything"
    points_per_side: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS_PER_SIDE)] = 16


SuggestRequest = Everything


def mask_iou(a: Rle, b: Rle) -> float:
    """IoU of two masks of one image, 0 to 1; 0 where both are empty."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = bbox(a), bbox(b)
    x0, y0, x1, y1 = max(ax, bx), max(ay, by), min(ax + aw, bx + bw), min(ay + ah, by + bh)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    part = np.s_[y0:y1, x0:x1]
    overlap = int(np.count_nonzero(decode(a)[part] & decode(b)[part]))
    return overlap / (area(a) + area(b) - overlap)
