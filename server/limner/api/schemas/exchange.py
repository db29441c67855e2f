"""Imports and exports."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from limner.api.schemas.base import Answer, Request
from limner.formats.dataset import Split
from limner.formats.exports import ExportChoice, ExportFormat


class Skipped(Answer):
    """Something of an import that was left out, and why."""

    what: str
    why: str


class ImportResult(Answer):
    """How much an import brought."""

    categories: int
    images: int
    annotations: int
    skipped: list[Skipped]


class ExportQuery(Request):
    """What to export, and how.

    In COCO, masks are written as RLE, which is exact, or as polygons. ``skipped`` says whether images that were skipped
    come along, ``images`` whether the images themselves do: by default with YOLO, and with label maps where names
    differ. ``split`` divides them by their bytes, as percentages for training, validation and, maybe, test: 80/10/10.
    """

    format: ExportFormat = "coco"
    segmentation: Literal["rle", "polygon"] | None = None
    skipped: bool = True
    images: bool | None = None
    split: Annotated[str, StringConstraints(max_length=11)] | None = None

    def choice(self) -> ExportChoice:
        """The same for the exporters.

        Raises:
            InvalidInput: when it does not go together.
        """
        split = None if self.split is None else Split.parse(self.split)
        choice = ExportChoice(self.format, self.segmentation or "rle", self.skipped, self.images, split)
        choice.check()
        return choice

    @model_validator(mode="after")
    def _check_segmentation(self) -> Self:
        if self.segmentation is not None and self.format != "coco":
            raise ValueError(f"segmentation is for COCO only, not for {self.format}: leave it out")
        return self
