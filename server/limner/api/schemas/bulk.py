"""The same done to many images."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, Strict, StringConstraints, model_validator

from limner.api.schemas.base import Answer, Request
from limner.api.schemas.images import FilterQuery
from limner.api.schemas.trash import ManyResult
from limner.api.schemas.work import Number
from limner.service.bulk import Changed, ManyImages
from limner.service.turns import MOST
from limner.vocabulary.names import MAX_PATH, MAX_TAG, one_line
from limner.vocabulary.operations import Note
from limner.vocabulary.states import ImageState

TagText = Annotated[
    str,
    BeforeValidator(lambda value: one_line(value) if isinstance(value, str) else value),
    StringConstraints(strict=True, min_length=1, max_length=MAX_TAG, pattern=r"^[^\x00-\x1f\x7f]*$"),
]


class MarkMany(Request):
    """Say how far the work on them is; ``note``: why they are skipped, or what is left to do."""

    action: Literal["mark"]
    state: ImageState
    note: Note = ""

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if self.state == "skipped" and not self.note:
            raise ValueError("images are skipped for a reason: say it in note")
        return self


class AssignMany(Request):
    """Assign them to people, evenly; with nobody they are anybody's again."""

    action: Literal["assign"]
    to: list[Number] = Field(max_length=1000)


class DeleteMany(Request):
    """Put them into the trash."""

    action: Literal["delete"]


class TagMany(Request):
    """Give them a tag, or take it off them."""

    action: Literal["tag", "untag"]
    tag: TagText


class MoveMany(Request):
    """Move them to a folder, a path such as ``street/night``; empty: to none. The last part of their names stays."""

    action: Literal["move"]
    folder: str = Field(strict=True, max_length=MAX_PATH)


class ManyChosen(FilterQuery):
    """Images: those of these numbers or, without numbers, all that this filter lists."""

    image_ids: list[Number] | None = Field(max_length=MOST)

    def images(self) -> ManyImages:
        """The images, for the service."""
        return ManyImages(self.image_ids, self.filtered())


class EmptyImages(Answer):
    """How many images have no masks and are not submitted."""

    count: int


class ManyChange(ManyChosen):
    """What to do to images: those of these numbers or, without numbers, all that this filter lists.

    ``after``: go on after this number.
    """

    change: Annotated[MarkMany | AssignMany | DeleteMany | TagMany | MoveMany, Field(discriminator="action")]
    after: Annotated[int, Strict(), Field(ge=0, lt=2**63)] = 0

    def images(self) -> ManyImages:
        """The images, for the service."""
        return replace(super().images(), after=self.after)


class EarlierImages(Answer):
    """How images were marked before (null: that was not changed), or to whom (null: nobody) they were assigned.

    ``folder``: in which they were before they were moved, empty: in none; null: they were not.
    """

    image_ids: list[int]
    state: ImageState | None
    note: str
    assigned_user_id: int | None
    folder: str | None


class ManyChanged(ManyResult):
    """What became of many images, each for itself; ``earlier`` is for who takes it back."""

    earlier: list[EarlierImages]

    @classmethod
    def told(cls, changed: Changed) -> ManyChanged:
        """The outcome as it is told to clients."""
        earlier = [
            EarlierImages(
                image_ids=list(each.image_ids),
                state=each.state,
                note=each.note,
                assigned_user_id=each.assigned_user_id,
                folder=each.folder,
            )
            for each in changed.earlier
        ]
        return cls(**ManyResult.of(changed.outcome).model_dump(), earlier=earlier)
