"""Learning runs of a project, the versions that come of them, and what the stages of the work gave."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from limner.api.schemas.base import Answer, Request
from limner.models.detectors import JudgedBy
from limner.vocabulary.events import Timestamp
from limner.vocabulary.learning import LearningKind, LearningProgress, LearningState, Recipe


class Interval(Answer):
    """Second minus first, and the ends of its 95 % confidence interval (paired bootstrap, mask by mask)."""

    value: float
    low: float
    high: float


class LearningFigures(Answer):
    """What is known of the result of a run, on images that it did not learn from; all null or empty until it is done.

    ``first`` is what it was made from (of a detector: the general one, ``first_name``), ``second`` the result. Of a
    model they are mIoU after "1", "3" and "5" clicks and of a "box", with ``differences`` of each and of their "mean";
    of a detector "ap", "ap50", "ar100" and "recall". ``better``: the whole interval of the mean lies above zero; of a
    detector, its AP is higher, and it is the one that is asked. ``held_out`` images have ``measured`` masks, and are
    among all ``images`` and ``masks`` of the run. ``by`` tells of a detector whether these are held out or were judged
    on by cross-validation, by networks that learned from the others.
    """

    better: bool | None
    by: JudgedBy | None
    first_name: str | None
    held_out: int | None
    measured: int | None
    images: int | None
    masks: int | None
    first: dict[str, float]
    second: dict[str, float]
    differences: dict[str, Interval]

    @model_validator(mode="before")
    @classmethod
    def _all_there(cls, known: dict[str, Any]) -> dict[str, Any]:
        unknown = dict.fromkeys(("better", "by", "first_name", "held_out", "measured", "images", "masks"))
        return {**unknown, "first": {}, "second": {}, "differences": {}, **known}


class LearningRun(Answer):
    """One training on a snapshot of a project's masks; one that is done is a version, ``result``."""

    id: int
    project_id: int
    kind: LearningKind
    state: LearningState
    recipe: Recipe
    snapshot: str
    snapshot_sha256: str
    parent: str
    parent_sha256: str
    result: str | None
    result_sha256: str | None
    figures: LearningFigures
    progress: LearningProgress
    message: str
    user: str | None
    in_use: bool
    created: Timestamp
    updated: Timestamp


class LearningRunList(Answer):
    """The newest runs, newest first."""

    runs: list[LearningRun]


class UseVersion(Request):
    """``knowingly``: use it though it is not shown to be better than what it replaces."""

    knowingly: bool = False


class StageFigures(Answer):
    """Of images by what is on them: masks that were all ``drawn``, a ``mixed`` set, or all suggested and ``verified``.

    ``seconds`` are those of ``timed`` masks, ``clicks`` those of ``clicked`` ones. ``suggested`` masks were taken from
    suggestions, and ``untouched`` of them are as they were suggested.
    """

    stage: Literal["drawn", "mixed", "verified"]
    images: int
    masks: int
    timed: int
    seconds: float
    clicked: int
    clicks: int
    suggested: int
    untouched: int


class LearningStages(Answer):
    """The three stages, and how many suggestions were accepted and refused; ``left_out`` masks are too old to count."""

    stages: list[StageFigures]
    accepted: int
    refused: int
    left_out: int
