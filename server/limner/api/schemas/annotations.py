"""Annotations and the operations on them. The operations themselves are defined beside the history they end up in."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue

from limner.api.schemas.base import Answer, Request
from limner.service.annotating import AnnotationState, Applied, ImageAnnotations, Said
from limner.vocabulary.events import ImageMark, Timestamp
from limner.vocabulary.operations import Operation, Provenance, Segmentation
from limner.vocabulary.rle import Rle


class Annotation(Answer):
    """A mask with a category; area and bbox [x, y, width, height] are those of the mask."""

    id: int
    uid: UUID
    category_id: int | None
    segmentation: Segmentation
    area: int
    bbox: tuple[int, int, int, int]
    iscrowd: Literal[0, 1]
    attributes: dict[str, JsonValue]
    provenance: Provenance | None
    position: int
    created: Timestamp
    updated: Timestamp

    @classmethod
    def of(cls, state: AnnotationState) -> Annotation:
        """The state as it is told to clients."""
        return cls(
            id=state.id,
            uid=UUID(state.uid),
            category_id=state.category_id,
            segmentation=segmentation_of(state.segmentation),
            area=state.area,
            bbox=state.bbox,
            iscrowd=1 if state.iscrowd else 0,
            attributes=state.attributes,
            provenance=Provenance.model_validate(state.provenance) if state.provenance else None,
            position=state.position,
            created=state.created,
            updated=state.updated,
        )


class Exhaustivity(Answer):
    """Whether all of a category are annotated on an image, as somebody said: ``by`` (null: nobody is known), ``at``.

    ``exhaustive`` is null when somebody else has changed which objects there are since: ``reopened_by``,
    ``reopened_at``.
    """

    category_id: int
    exhaustive: bool | None
    by: str | None
    at: Timestamp
    reopened_by: str | None
    reopened_at: Timestamp | None

    @classmethod
    def of(cls, said: Said) -> Exhaustivity:
        """What was said, as it is told to clients."""
        return cls(
            category_id=said.category_id,
            exhaustive=said.exhaustive,
            by=said.by,
            at=said.at,
            reopened_by=said.reopened_by,
            reopened_at=said.reopened_at,
        )


class AnnotationList(Answer):
    """The annotations of an image and its mark at a revision, and of which categories all are said to be there."""

    image_id: int
    revision: int
    mark: ImageMark
    annotations: list[Annotation]
    exhaustivity: list[Exhaustivity]

    @classmethod
    def of(cls, found: ImageAnnotations) -> AnnotationList:
        """The annotations as they are told to clients."""
        return cls(
            image_id=found.image_id,
            revision=found.revision,
            mark=found.mark,
            annotations=[Annotation.of(state) for state in found.annotations],
            exhaustivity=[Exhaustivity.of(said) for said in found.exhaustivity],
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for the details of an error."""
        return self.model_dump(mode="json")


class OperationRequest(Request):
    """One operation and the id under which it may be repeated."""

    operation_id: UUID
    operation: Operation


class OperationResult(Answer):
    """What an operation led to; ``replayed`` says that it had been applied before.

    ``reopened`` are categories of which others had said that all are annotated, and of which this changed an object.
    """

    revision: int
    annotation: Annotation | None
    replayed: bool
    reopened: list[int]

    @classmethod
    def of(cls, applied: Applied) -> OperationResult:
        """The outcome as it is told to clients."""
        annotation = Annotation.of(applied.annotation) if applied.annotation else None
        reopened = list(applied.reopened)
        return cls(revision=applied.revision, annotation=annotation, replayed=applied.replayed, reopened=reopened)


def segmentation_of(rle: Rle) -> Segmentation:
    """The mask as it is told to clients."""
    height, width = rle["size"]
    return Segmentation(size=(height, width), counts=rle["counts"])
