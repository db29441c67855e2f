"""Who works on what."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from limner.api.schemas.base import Answer, Request
from limner.api.schemas.images import ListingQuery
from limner.service.work import MOST_ASSIGNED, Selection
from limner.service.work import Worker as WorkerInfo
from limner.vocabulary.events import Timestamp
from limner.vocabulary.states import ImageFilter

MOST_GOLD = 500  # at once: what is on each is read

Number = Annotated[int, Strict(), Field(ge=1, lt=2**63)]


class NextQuestion(Request):
    """Where somebody comes from who asks for the next image; ``give_back``: they leave that one to others.

    ``among``: only images of this list, in its order instead of the project's. Of a list by a state in which nothing is
    left to do, the state does not count.
    """

    current: Number | None = None
    give_back: bool = False
    among: ListingQuery | None = None

    @model_validator(mode="after")
    def _check_given(self) -> Self:
        if self.give_back and self.current is None:
            raise ValueError("give_back needs current: the image that is given back")
        return self


class NextImage(Answer):
    """The image that one was handed, and those reserved after it, until when; no image: there is none for one."""

    image_id: int | None
    reserved: list[int]
    until: Timestamp | None


class Worker(Answer):
    """Somebody who may work in a project: how many images are assigned to them, of these returned, and open now."""

    user_id: int
    name: str
    disabled: bool
    assigned: int
    returned: int
    open: int

    @classmethod
    def of(cls, worker: WorkerInfo) -> Worker:
        """The person as they are told to clients."""
        user, load = worker.user, worker.load
        return cls(
            user_id=user.id,
            name=user.name,
            disabled=user.disabled is not None,
            assigned=load.assigned,
            returned=load.returned,
            open=load.open,
        )


class Workers(Answer):
    """Who may work in a project, by name; ``changed`` counts images that were assigned otherwise by this request."""

    changed: int
    workers: list[Worker]


class NewAssignment(Request):
    """Images that people are to work on: shared evenly among ``to``; with nobody there they are anybody's again.

    Either ``image_ids`` names them, or they are those waiting or returned that pass the filter ``state`` and are
    assigned to the person ``assigned_to`` (null: to nobody), in the order in which they came, at most ``limit``.
    """

    to: list[Number] = Field(max_length=1000)
    image_ids: list[Number] | None = Field(default=None, max_length=MOST_ASSIGNED)
    state: ImageFilter = "waiting"
    assigned_to: Number | None = None
    limit: Annotated[int, Strict(), Field(ge=1, le=MOST_ASSIGNED)] = MOST_ASSIGNED

    @property
    def selection(self) -> Selection:
        """The images, for the service."""
        return Selection(self.image_ids, self.state, self.assigned_to, self.limit)


class GoldImages(Request):
    """Images that are to be gold, with what is on them now as the reference; or to be gold no more."""

    image_ids: list[Number] = Field(min_length=1, max_length=MOST_GOLD)
    gold: bool


class ChangedImages(Answer):
    """How many images a request changed."""

    changed: int
