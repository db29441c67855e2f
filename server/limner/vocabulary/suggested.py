"""Suggestions in the words that server, worker and pages share: where they come from, and what can be asked for."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from limner.vocabulary.rle import Rle, area, bbox, decode
from limner.vocabulary.states import RankBy

SAME = 0.7  # IoU above which two masks are of the same object
NESTED = 0.8  # share of the smaller mask from which a detector's mask and an object are: it proposes whole objects
MAX_POINTS_PER_SIDE = 64
MAX_EXAMPLES = 32  # of one request
BOX_THRESHOLD, TEXT_THRESHOLD = 0.3, 0.25  # of text detectors, unless told otherwise
MAX_SUGGESTIONS = 1000  # of one run on one image; the best ones are kept


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Everything(_Asked):
    """All masks that a regular grid of points finds: ``points_per_side`` points along each side."""

    source: Literal["everything"] = "everything"
    points_per_side: Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS_PER_SIDE)] = 16


class Similar(_Asked):
    """What looks like examples: annotations of the project, on the image or on others.

    Either ``examples`` names them, or ``category_id`` does: then the newest of that category, as they are when the turn
    of an image comes.
    """

    source: Literal["similar"] = "similar"
    examples: Annotated[tuple[UUID, ...], Field(max_length=MAX_EXAMPLES)] = ()
    category_id: int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.examples) == (self.category_id is not None):
            raise ValueError("give either the uids of examples or the id of their category")
        return self


class Detected(_Asked):
    """What a detector sees that was trained for the project's model: boxes, of which the model makes masks.

    ``detector`` is its name; null: the newest that learned from this project, or one that came with Limner. Boxes with
    less than ``objectness`` are left out.
    """

    source: Literal["detector"] = "detector"
    detector: Annotated[str, Field(max_length=64)] | None = None
    objectness: Annotated[float, Field(ge=0, le=1)] = 0.1


class Phrases(_Asked):
    """What phrases name, with commas between them: ``"cat, red car"``; a detector that reads text finds boxes.

    A phrase that is the name of a category, in any capitals, gives masks of it. ``detector`` is the name of a text
    detector; null: the only one. ``box_threshold`` is the least score of a box; null: of categories what was learned
    from the suggestions that people accepted and refused, of other phrases 0.3. ``text_threshold`` is that of a word.
    """

    source: Literal["text"] = "text"
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    detector: Annotated[str, Field(max_length=64)] | None = None
    box_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    text_threshold: Annotated[float, Field(ge=0, le=1)] = TEXT_THRESHOLD


class MarkedObject(_Asked):
    """An object that a file marks: a box x0, y0, x1, y1 in image pixels, and the mask (RLE counts) where it has one.

    ``confidence`` is that of the file, where it tells one; ``category`` the name there, ``category_id`` the project's.
    """

    box: tuple[float, float, float, float]
    counts: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    category: str | None = None
    category_id: int | None = None


class Marked(_Asked):
    """What files mark on an image: boxes and outlines, of which the model makes masks.

    Of a job over a project ``digest`` names all that is marked, and its items have the objects of their images.
    """

    source: Literal["import"] = "import"
    objects: tuple[MarkedObject, ...] = ()
    digest: str = ""


class Assess(_Asked):
    """How sure the model is of an image, for ranking by what images would teach; no masks are suggested."""

    source: Literal["rank"] = "rank"
    by: RankBy = "both"


SuggestRequest = Annotated[
    Everything | Similar | Detected | Phrases, Field(discriminator="source")
]  # what pages can ask for
AnyRequest = Annotated[Everything | Similar | Detected | Phrases | Marked | Assess, Field(discriminator="source")]


def mask_iou(a: Rle, b: Rle) -> float:
    """IoU of two masks of one image, 0 to 1; 0 where both are empty."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = bbox(a), bbox(b)
    x0, y0, x1, y1 = max(ax, bx), max(ay, by), min(ax + aw, bx + bw), min(ay + ah, by + bh)
    if x0 >= x1 or y0 >= y1:
        return 0.0
    part = np.s_[y0:y1, x0:x1]
    overlap = int(np.count_nonzero(decode(a)[part] & decode(b)[part]))
    return overlap / (area(a) + area(b) - overlap)
