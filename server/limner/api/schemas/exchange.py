"""Imports and exports."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from limner.api.schemas.base import Answer, Request
from limner.formats.coco import ImportReport
from limner.formats.dataset import Split
from limner.formats.exports import ExportChoice, ExportFormat
from limner.formats.importing import Boxes, ImportFormat


class Skipped(Answer):
    """Something of an import that was left out, and why."""

    what: str
    why: str


class CategoryCount(Answer):
    """How many annotations of an import are of a category; null is those without one."""

    category: str | None
    annotations: int


class ImportResult(Answer):
    """How much an import brought, or, as a preview, would bring.

    ``unmatched`` are images of the files that the project does not have, or that are not clear; ``skipped`` names them.
    """

    format: ImportFormat
    preview: bool
    categories: int
    images: int
    unmatched: int
    annotations: int
    by_category: list[CategoryCount]
    skipped: list[Skipped]

    @classmethod
    def of(cls, report: ImportReport) -> Self:
        """From what the importer says; the most frequent category first."""
        counts = sorted(report.by_category.items(), key=lambda each: (-each[1], each[0] or ""))
        by_category = [{"category": name, "annotations": count} for name, count in counts]
        fields = {**vars(report), "by_category": by_category}
        return cls.model_validate({**fields, "skipped": [vars(each) for each in report.skipped]})


class ImportQuery(Request):
    """How to import.

    Without ``format`` what the files hold decides. ``boxes`` says what becomes of boxes without a mask: they are left
    out and listed, or become rectangular masks with the box as their prompt. A ``preview`` writes nothing.
    """

    format: ImportFormat | None = None
    boxes: Boxes = "skip"
    preview: bool = False


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
