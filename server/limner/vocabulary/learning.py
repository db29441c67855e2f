"""Learning runs: what is trained, on what, for how long, and how far it is."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LearningKind = Literal["model", "detector"]
LearningState = Literal["waiting", "running", "done", "cancelled", "failed"]
LearningAction = Literal["cancel", "resume", "use"]
LearnFrom = Literal["annotated", "submitted", "approved"]  # all masks; those of images at least submitted; approved
Stage = Literal["waiting", "preparing", "encoding", "training", "measuring"]

MAX_MINUTES = 24 * 60.0
MAX_STEPS = 1_000_000
MAX_RANK = 64


class Recipe(BaseModel):
    """What to train and how.

    ``model`` adapts the model that the project uses, ``detector`` makes a detector that reads its embeddings. Of a
    model, ``adapt`` says what learns: prompt encoder and mask decoder; these and the whole image encoder; or these and
    low-rank additions of ``rank`` to the encoder's attention. It ends after so many ``steps`` or ``minutes``: usual
    ones when neither is given, and both may not be; a detector counts steps alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LearningKind
    learn_from: LearnFrom = "annotated"
    adapt: Literal["decoder", "encoder", "lora"] = "decoder"
    rank: Annotated[int, Field(ge=1, le=MAX_RANK)] = 8
    minutes: Annotated[float, Field(gt=0, le=MAX_MINUTES, allow_inf_nan=False)] | None = None
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.minutes is not None and self.steps is not None:
            raise ValueError("a run ends after so many steps or after so many minutes: give one of them")
        if self.kind == "detector" and self.minutes is not None:
            raise ValueError("a detector is trained for a number of steps: give steps, or neither")
        return self


class LearningProgress(BaseModel):
    """How far a run is: ``step`` of ``steps`` (0: time ends it), the last loss, and seconds that are left, if known.

    While images are encoded, steps are images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    stage: Stage = "waiting"
    step: int = 0
    steps: int = 0
    loss: float | None = None
    remaining: float | None = None
