"""Imports and exports."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from limner.api.schemas.base import Answer, Request
from limner.api.schemas.images import FilterQuery
from limner.formats.coco import ImportReport
from limner.formats.dataset import Split
from limner.formats.exports import MAX_TOLERANCE, ExportChoice, ExportFormat
from limner.formats.importing import Boxes, ImportFormat
from limner.service.export_preview import ExportPreview as Preview
from limner.vocabulary.listing import ImageChoice, WorkDone
from limner.vocabulary.states import ImageState


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
    ``statements`` are those that all, or not all, of a category are annotated on an image.
    ``tags`` counts those that images got and did not have yet.
    """

    format: ImportFormat
    preview: bool
    categories: int
    images: int
    unmatched: int
    annotations: int
    by_category: list[CategoryCount]
    statements: int
    tags: int
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


MAX_CHOSEN = 1000  # images that are named one by one: their numbers stand in an address
NUMBERS = r"^\d{1,15}(,\d{1,15})*$"


class ExportQuery(FilterQuery):
    """What to export, and how.

    ``which`` images: approved ones, finished (approved or submitted), annotated (with annotations, or finished without
    any) or all; of these, those that the filter lists, and without ``skipped`` none that was skipped. With
    ``image_ids``, numbers with commas between them, only those that are named there: at most 1,000. In COCO, masks are
    written as RLE, which is exact, or as polygons; polygons, YOLO's too, are exact unless a ``tolerance`` in pixels
    lets them have fewer corners. ``images`` says whether the images themselves come along: by default with YOLO, and
    with label maps where names differ. ``split`` divides them by their bytes, as percentages for training, validation
    and, maybe, test: 80/10/10.
    """

    format: ExportFormat = "coco"
    which: WorkDone = "all"
    segmentation: Literal["rle", "polygon"] | None = None
    tolerance: Annotated[float, Field(ge=0, le=MAX_TOLERANCE)] = 0.0
    skipped: bool = True
    images: bool | None = None
    split: Annotated[str, StringConstraints(max_length=11)] | None = None
    image_ids: Annotated[str, StringConstraints(pattern=NUMBERS)] | None = None

    def choice(self) -> ExportChoice:
        """The same for the exporters.

        Raises:
            InvalidInput: when it does not go together.
        """
        split = None if self.split is None else Split.parse(self.split)
        images = None if self.image_ids is None else frozenset(map(int, self.image_ids.split(",")))
        choice = ExportChoice(
            self.format,
            self.segmentation or "rle",
            self.tolerance,
            ImageChoice(self.which, self.skipped, self.filtered(), images),
            self.images,
            split,
        )
        choice.check()
        return choice

    @field_validator("image_ids")
    @classmethod
    def _count_images(cls, numbers: str | None) -> str | None:
        if numbers is not None and (count := numbers.count(",") + 1) > MAX_CHOSEN:
            raise ValueError(f"{count} images are named, at most {MAX_CHOSEN} may be: give them a tag and name that")
        return numbers

    @model_validator(mode="after")
    def _check_segmentation(self) -> Self:
        if self.segmentation is not None and self.format != "coco":
            raise ValueError(f"segmentation is for COCO only, not for {self.format}: leave it out")
        return self


class SplitPart(Answer):
    """How many images come into a part of the split."""

    part: str
    images: int


class StateCount(Answer):
    """How many images in a state of work are left out."""

    state: ImageState
    images: int


class ExportPreview(Answer):
    """What an export would hold, and what it would leave out.

    ``empty`` counts images without annotations among the ``images``, ``bytes`` is the size of their uploaded files.
    ``no_outline`` are annotations that the format cannot say: in YOLO crowds and empty masks.
    """

    file_name: str
    images: int
    empty: int
    annotations: int
    bytes: int
    by_category: list[CategoryCount]
    parts: list[SplitPart]
    no_outline: int
    left_out: list[StateCount]
    left_out_annotations: int

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """From what was counted."""
        counts = preview.counts
        return cls(
            file_name=preview.file_name,
            images=counts.images,
            empty=counts.empty,
            annotations=preview.annotations,
            bytes=counts.bytes,
            by_category=[CategoryCount.model_validate(each) for each in preview.by_category],
            parts=[SplitPart(part=part, images=images) for part, images in preview.parts.items()],
            no_outline=preview.no_outline,
            left_out=[StateCount.model_validate({"state": s, "images": n}) for s, n in counts.left_out.items()],
            left_out_annotations=counts.left_out_annotations,
        )


class ToleranceCost(Answer):
    """Masks of the project beside what their polygons give back: IoU, 0 to 1, and corners instead of exact ones.

    ``masks`` says on how many that was measured.
    """

    masks: int
    mean_iou: float
    worst_iou: float
    corners: int
    exact_corners: int
