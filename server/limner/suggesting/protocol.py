"""What the web process and the suggesting process say to each other: a JSON object a line, over the child's pipes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from limner.vocabulary.messages import Broken, Message
from limner.vocabulary.suggested import AnyRequest


class ExampleMask(Message):
    """A mask of some image, with its category."""

    image_sha256: str
    size: tuple[int, int]
    counts: str
    category_id: int | None


class Suggest(Message):
    """Parent to child: look for masks on an image. Progress follows, and one answer.

    Attributes:
        id: chosen by the parent; the child repeats it.
        model_sha256: of the weights that are to make the masks.
        examples: what is looked for, where the request is for similar objects.
        refused: what was found so before and was not meant.
        detector_sha256: of the weights of the detector that is asked, where the request is for one.
        text_detector: name of the text detector that is asked, where the request is for phrases.
        categories: numbers of categories by phrase.
        box_thresholds: least scores of boxes by phrase; others have the request's.
        project_id: whose categories are meant.
    """

    kind: Literal["suggest"] = "suggest"
    id: int
    model_sha256: str
    image_sha256: str
    request: AnyRequest
    examples: tuple[ExampleMask, ...] = ()
    refused: tuple[ExampleMask, ...] = ()
    detector_sha256: str | None = None
    text_detector: str | None = None
    categories: dict[str, int] = Field(default_factory=dict)
    box_thresholds: dict[str, float] = Field(default_factory=dict)
    project_id: int | None = None


class Cancel(Message):
    """Parent to child: nobody wants the answer any more. It comes as ``Cancelled``, unless the child was through."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Ready(Message):
    """Child to parent: it listens; models are loaded when they are asked for."""

    kind: Literal["ready"] = "ready"


class Loading(Message):
    """Child to parent: the model is being loaded first, which may take minutes."""

    kind: Literal["loading"] = "loading"
    id: int


class Progress(Message):
    """Child to parent: so many of so many points were asked."""

    kind: Literal["progress"] = "progress"
    id: int
    done: int
    total: int


class FoundMask(Message):
    """A mask: compressed COCO RLE ``counts`` at the image's ``size`` (height, width), scores 0 to 1."""

    size: tuple[int, int]
    counts: str
    score: float
    stability: float | None
    prompt: dict[str, Any]
    category_id: int | None = None


class Stored(Message):
    """The embedding of the image did not exist: the child has made and stored it."""

    seconds: float
    bytes: int


class Suggested(Message):
    """Child to parent: all masks, the best first."""

    kind: Literal["suggested"] = "suggested"
    id: int
    found: list[FoundMask]
    stored: Stored | None


class Assessed(Message):
    """Child to parent: how sure the model is of the image, and the image's pooled embedding."""

    kind: Literal["assessed"] = "assessed"
    id: int
    predicted_iou: float
    stability: float
    agreement: float
    vector: tuple[float, ...]
    stored: Stored | None


class Cancelled(Message):
    """Child to parent: stopped, as it was told to."""

    kind: Literal["cancelled"] = "cancelled"
    id: int


class Failed(Message):
    """Child to parent: there is no answer; ``lasting``: the image is at fault, so that trying again is no use."""

    kind: Literal["failed"] = "failed"
    id: int
    message: str
    lasting: bool


class Unusable(Message):
    """Child to parent: there is no answer because the model cannot be loaded; the image is not at fault."""

    kind: Literal["unusable"] = "unusable"
    id: int
    message: str


Answer = Suggested | Assessed | Cancelled | Failed | Unusable
Report = Ready | Broken | Loading | Progress | Answer
Request = Suggest | Cancel

_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])
_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def parse_report(line: bytes) -> Report:
    """A line from the child -> message. pydantic's ValidationError means that the two are of different versions."""
    return _REPORTS.validate_json(line)


def parse_request(line: bytes) -> Request:
    """A line from the parent -> message."""
    return _REQUESTS.validate_json(line)
