"""Imports and exports."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from limner.api.schemas.base import Answer, Request
from limner.formats.exports import ExportFormat


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
    come along.
    """

    format: ExportFormat = "coco"
    segmentation: Literal["rle", "polygon"] | None = None
    skipped: bool = True

    @model_validator(mode="after")
    def _check_segmentation(self) -> Self:
        if self.segmentation is not None and self.format != "coco":
            raise ValueError(f"segmentation is for COCO only, not for {self.format}: leave it out")
        return self
