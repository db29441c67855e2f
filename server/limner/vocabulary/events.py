"""What pages can hear, one class for each kind of event. The client's types are generated from these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, WithJsonSchema

from limner.vocabulary.learning import LearningKind, LearningProgress, LearningState
from limner.vocabulary.states import (
    EmbeddingStateName,
    EncoderStateName,
    ImageState,
    JobKindName,
    JobStateName,
    SuggestionActivity,
)

Timestamp = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, defer_build=True)


class ImageMark(_Fact):
    """How far the work on an image is; ``note`` says why it was skipped, or what is left to do after it was returned.

    ``by`` and ``at`` are null until somebody has set the state.
    """

    state: ImageState
    note: str
    by: str | None
    at: Timestamp | None


class ImageWork(_Fact):
    """Who is to work on an image, and who has it now.

    ``assigned_to`` is null when anybody may have it. ``held_by`` has it until ``held_until``, open or, while it is
    ``reserved``, as one of those that they are handed next; null when nobody has it.
    """

    assigned_to: str | None
    held_by: str | None
    held_until: Timestamp | None
    reserved: bool


class ChangedWork(ImageWork):
    """The same of the image of this number."""

    image_id: int


class EncoderStatus(_Fact):
    """The encoder process."""

    state: EncoderStateName
    message: str
    threads: int | None


class StartEvent(_Fact):
    """Opens every stream: from now on nothing is missed."""

    event: Literal["start"] = "start"


class ResetEvent(_Fact):
    """More was missed than is kept: everything should be read again."""

    event: Literal["reset"] = "reset"


class ImageEvent(_Fact):
    """An image came, went into the trash, or came back from there with all that is on it."""

    event: Literal["image"] = "image"
    image_id: int
    action: Literal["created", "deleted", "restored"]


class CategoriesEvent(_Fact):
    """Categories of the project came, went, or were renamed, recoloured or moved: they should be read again."""

    event: Literal["categories"] = "categories"


class AnnotationsEvent(_Fact):
    """The annotations of an image or its mark changed; how it stands now."""

    event: Literal["annotations"] = "annotations"
    image_id: int
    revision: int
    annotation_count: int
    mark: ImageMark


class CommentsEvent(_Fact):
    """Something was said about an image, or a thread was resolved or opened again; ``open`` of its threads are open."""

    event: Literal["comments"] = "comments"
    image_id: int
    open: int


class WorkEvent(_Fact):
    """Images were handed out, given back or assigned.

    None are named when they are so many that lists are to be read again. That a lease ends because nobody has
    renewed it is not told: ``held_until`` says when.
    """

    event: Literal["work"] = "work"
    images: list[ChangedWork]


class ImageTags(_Fact):
    """All tags of an image, ascending."""

    image_id: int
    tags: list[str]


class TagsEvent(_Fact):
    """Images got tags or lost some; none are named when they are so many that lists are to be read again."""

    event: Literal["tags"] = "tags"
    images: list[ImageTags]


class ImageName(_Fact):
    """What an image is called: its path in the project."""

    image_id: int
    file_name: str


class MovedEvent(_Fact):
    """Images were moved to other folders; what they are called now. None are named when lists are to be read again."""

    event: Literal["moved"] = "moved"
    images: list[ImageName]


class EmbeddingEvent(_Fact):
    """Where an image stands with the encoder."""

    event: Literal["embedding"] = "embedding"
    image_id: int
    state: EmbeddingStateName
    error: str | None


class RegionEvent(_Fact):
    """Where a part of an image stands that is encoded on its own; ``region`` is "x,y,width,height"."""

    event: Literal["region"] = "region"
    image_id: int
    state: EmbeddingStateName
    error: str | None
    region: str


class SuggestionsEvent(_Fact):
    """Where an image stands with suggestions: ``done`` of ``total`` points while it runs, ``found`` once it is ready.

    Also told, as ``ready``, when a job has given the image other suggestions.
    """

    event: Literal["suggestions"] = "suggestions"
    image_id: int
    state: SuggestionActivity
    done: int = 0
    total: int = 0
    found: int = 0
    error: str | None = None


class JobEvent(_Fact):
    """How a job stands; ``model`` is the one that a project is going to use after it."""

    event: Literal["job"] = "job"
    id: int
    project_id: int
    kind: JobKindName
    state: JobStateName
    done: int
    total: int
    failed: int
    message: str
    model: str | None = None  # events of older versions lack it
    created: Timestamp
    updated: Timestamp


class ModelEvent(_Fact):
    """The project uses another model from now on: embeddings, manifest and graphs are those of these weights."""

    event: Literal["model"] = "model"
    name: str
    weights_sha256: str


class LearningEvent(_Fact):
    """How a learning run stands; ``result`` is the model or detector that a run that is done has made.

    Told when its state changes, and while it runs whenever it has got on, which a page may miss. ``better``: whether
    the result is better than what it was made from, on images that are held out; null when that is not known.
    """

    event: Literal["learning"] = "learning"
    run_id: int
    kind: LearningKind
    state: LearningState
    progress: LearningProgress
    result: str | None = None
    better: bool | None = None
    message: str = ""


class ServerEvent(_Fact):
    """How the encoder of a server stands."""

    event: Literal["server"] = "server"
    device: str
    encoder: EncoderStatus


class AccessEvent(_Fact):
    """What somebody may do has changed: their roles, or how they are signed in. Only their own pages hear it."""

    event: Literal["access"] = "access"
    user_id: int


Event = (
    StartEvent
    | ResetEvent
    | ImageEvent
    | CategoriesEvent
    | AnnotationsEvent
    | CommentsEvent
    | WorkEvent
    | TagsEvent
    | MovedEvent
    | EmbeddingEvent
    | RegionEvent
    | SuggestionsEvent
    | JobEvent
    | ModelEvent
    | LearningEvent
    | ServerEvent
    | AccessEvent
)  # fmt: skip


class ProjectEvent(RootModel[Annotated[Event, Field(discriminator="event")]]):
    """One event of a project's stream."""


@dataclass(frozen=True)
class PublishedEvent:
    """An event on its way to the pages.

    Attributes:
        id: its number, increasing in commit order; None for progress that is not stored and that a page may miss.
        project_id: the project it concerns; None for everybody.
        event: what happened.
    """

    id: int | None
    project_id: int | None
    event: Event
