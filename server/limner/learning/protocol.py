"""What the web process and the learning process say to each other: a JSON object a line, over the child's pipes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from limner.vocabulary.learning import LearningProgress, Recipe
from limner.vocabulary.messages import Broken, Message


class KnownCategory(Message):
    """A category: the number that exports give it, its number in the database, its name."""

    number: int
    id: int
    name: str


class Learn(Message):
    """Parent to child: train, or go on with what is in the run's folder. Progress follows, and one answer.

    Attributes:
        run_id: number of the run; the child repeats it.
        snapshot_sha256: of the COCO file that is learned from.
        left_out: numbers of images in that file which are not learned from.
        parent: name of the model that is adapted, or whose embeddings are read.
        result: what to call what comes of it.
    """

    kind: Literal["learn"] = "learn"
    run_id: int
    recipe: Recipe
    snapshot_sha256: str
    left_out: tuple[int, ...]
    categories: tuple[KnownCategory, ...]
    project_id: int
    project: str
    parent: str
    parent_sha256: str
    result: str


class Stop(Message):
    """Parent to child: save, and end."""

    kind: Literal["stop"] = "stop"


class GotOn(Message):
    """Child to parent: so far it is."""

    kind: Literal["got_on"] = "got_on"
    run_id: int
    progress: LearningProgress


class Learned(Message):
    """Child to parent: the result is installed, and this was measured on images that are held out."""

    kind: Literal["learned"] = "learned"
    run_id: int
    result_sha256: str
    figures: dict[str, Any]


class Stopped(Message):
    """Child to parent: stopped, as it was told to; what is needed to go on is saved."""

    kind: Literal["stopped"] = "stopped"
    run_id: int


class Unlearnable(Message):
    """Child to parent: there is no result, and trying again is no use as things are."""

    kind: Literal["unlearnable"] = "unlearnable"
    run_id: int
    message: str


Report = Broken | GotOn | Learned | Stopped | Unlearnable
Request = Learn | Stop

_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])
_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def parse_report(line: bytes) -> Report:
    """A line from the child -> message. pydantic's ValidationError means that the two are of different versions."""
    return _REPORTS.validate_json(line)


def parse_request(line: bytes) -> Request:
    """A line from the parent -> message."""
    return _REQUESTS.validate_json(line)
