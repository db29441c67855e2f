"""What can be done to images and annotations: the operations, as they travel and as the history keeps them."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypeAliasType

from limner.vocabulary.states import ImageState, ReturnedTo, SuggestionOrigin

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
WholeNumber = Annotated[int, Strict()]
Crowd = Literal[0, 1]
Position = Annotated[int, Strict(), Field(ge=-(2**31), lt=2**31)]
MAX_ATTRIBUTES_BYTES = 64 * 1024


def _storable(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse what JSON or PostgreSQL cannot keep: NaN, infinities, NUL characters, half surrogates, and sheer size."""
    try:
        text = json.dumps(attributes, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError("attributes must be proper Unicode text") from error
    except ValueError as error:
        raise ValueError("numbers in attributes must be finite") from error
    if "\\u0000" in text:
        raise ValueError("attributes must not contain NUL characters")
    if size > MAX_ATTRIBUTES_BYTES:
        raise ValueError(f"attributes take {size} bytes, at most {MAX_ATTRIBUTES_BYTES} are kept")
    return attributes


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Note = Annotated[
    str,
    BeforeValidator(_one_line),
    StringConstraints(strict=True, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
Attributes = Annotated[dict[str, JsonValue], Field(max_length=100), AfterValidator(_storable)]
ModelHash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Segmentation(_Closed):
    """A mask as compressed COCO RLE: ``size`` is [height, width] of the image."""

    size: tuple[WholeNumber, WholeNumber]
    counts: str


class ProvenancePrompts(_Closed):
    """The prompts that made a mask, in image coordinates: points are [x, y, label]."""

    points: list[tuple[Number, Number, Literal[0, 1]]] = Field(max_length=1000)
    box: tuple[Number, Number, Number, Number] | None
    mask: bool


class Origin(_Closed):
    """The suggestion that a mask was taken from: its uid, where it came from, and its score, 0 to 1."""

    suggestion: UUID
    source: SuggestionOrigin
    score: Annotated[Number, Field(ge=0, le=1)]


class Provenance(_Closed):
    """How a mask came about: which model, which of its candidates, from which prompts, in how many seconds of work.

    ``seconds`` count only while somebody worked, ``clicks`` are presses of the pointer; both add up over all that was
    done to the mask as an object being drawn. ``region`` is x, y, width, height of the part of the image that the model
    saw on its own; null for the whole. ``tidied`` says that parts and holes which the prompts did not ask for were
    left out (``limner segment --tidy``). ``origin`` is the suggestion that it was taken from, if any.
    """

    model_sha256: ModelHash | None = None
    mask_index: Annotated[int, Strict(), Field(ge=0, le=63)] | None = None
    predicted_iou: Number | None = None
    prompts: ProvenancePrompts | None = None
    region: tuple[WholeNumber, WholeNumber, WholeNumber, WholeNumber] | None = None
    tidied: Annotated[bool, Strict()] | None = Field(default=None, exclude_if=lambda tidied: tidied is None)
    seconds: Annotated[Number, Field(ge=0)] | None = None
    clicks: Annotated[int, Strict(), Field(ge=0)] | None = Field(default=None, exclude_if=lambda clicks: clicks is None)
    origin: Origin | None = Field(default=None, exclude_if=lambda origin: origin is None)


class Step(_Closed):
    """The step of its author's undo history that an operation is part of: what was done at once is taken back at once.

    ``way`` says whether the step was done, taken back (undone) or done again by this operation.
    """

    id: UUID
    way: Literal["done", "undone", "redone"]


OfStep = Annotated[Step | None, Field(default=None, exclude_if=lambda step: step is None)]


class CreateOperation(_Closed):
    """A new annotation; its ``uid`` is chosen by the client. Without a ``position`` it comes on top of all others."""

    kind: Literal["create"]
    uid: UUID
    category_id: WholeNumber | None
    segmentation: Segmentation
    iscrowd: Crowd = 0
    attributes: Attributes = Field(default_factory=dict)
    provenance: Provenance | None = None
    position: Position | None = None
    step: OfStep = None


class Changes(_Closed):
    """What an update changes; what is left out stays. Only the category and the provenance can be null.

    ``position`` orders the annotations of an image from the bottom to the top; of equal ones the older is below.
    """

    category_id: WholeNumber | None = None
    segmentation: Segmentation | None = None
    iscrowd: Crowd | None = None
    attributes: Attributes | None = None
    provenance: Provenance | None = None
    position: Position | None = None

    @model_validator(mode="after")
    def _check_given(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("an update must change something")
        for name in sorted(self.model_fields_set & {"segmentation", "iscrowd", "attributes", "position"}):
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep it")
        return self


class UpdateOperation(_Closed):
    """Another category, mask, crowd flag, attributes or provenance for an annotation."""

    kind: Literal["update"]
    uid: UUID
    changes: Changes
    step: OfStep = None


class DeleteOperation(_Closed):
    """Take an annotation away; it can be restored."""

    kind: Literal["delete"]
    uid: UUID
    step: OfStep = None


class RestoreOperation(_Closed):
    """Bring a deleted annotation back."""

    kind: Literal["restore"]
    uid: UUID
    step: OfStep = None


class MarkOperation(_Closed):
    """Say how far the work on the image itself is; ``uid`` names the mark, which is on no annotation.

    ``note`` says why an image was skipped, or what is left to do on one that was returned. ``to`` says who is to go on
    with one that is returned: who submitted it (as when nothing is said), anyone, or who returns it.
    """

    kind: Literal["mark"]
    uid: UUID
    state: ImageState
    note: Note = ""
    to: ReturnedTo | None = Field(default=None, exclude_if=lambda to: to is None)

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        if self.to is not None and self.state != "returned":
            raise ValueError("only an image that is returned goes to somebody: leave to out")
        if self.state == "skipped" and not self.note:
            raise ValueError("an image is skipped for a reason: say it in note")
        return self


class VerdictOperation(_Closed):
    """Refuse a suggestion, or take that back; ``uid`` is the suggestion's. One is taken by a ``create``."""

    kind: Literal["verdict"]
    uid: UUID
    refused: Annotated[bool, Strict()]
    step: OfStep = None


class ExhaustivityOperation(_Closed):
    """Say whether all objects of a category are annotated on the image, or (null) that nobody knows.

    ``uid`` names what is said, not an annotation; taking it back is the same operation with what was said before.
    """

    kind: Literal["exhaustivity"]
    uid: UUID
    category_id: WholeNumber
    exhaustive: Annotated[bool, Strict()] | None
    step: OfStep = None


Operation = TypeAliasType(
    "Operation",
    Annotated[
        CreateOperation
        | UpdateOperation
        | DeleteOperation
        | RestoreOperation
        | MarkOperation
        | VerdictOperation
        | ExhaustivityOperation,
        Field(discriminator="kind"),
    ],
)


def payload_of(operation: Operation) -> dict[str, Any]:
    """The operation as JSON for the history, without kind and uid, which have columns."""
    payload = operation.model_dump(mode="json", exclude={"kind", "uid"})
    if isinstance(operation, UpdateOperation):
        given = operation.changes.model_fields_set
        payload["changes"] = {name: value for name, value in payload["changes"].items() if name in given}
    elif payload.get("position", 0) is None:
        del payload["position"]  # as in histories from before there was one
    return payload


def body_sha256(image_id: int, operation: Operation, payload: dict[str, Any] | None = None) -> str:
    """Identifies what an operation id stands for, so that it cannot stand for two things.

    ``payload`` is what :func:`payload_of` gives, when that is at hand.
    """
    body = [image_id, operation.kind, str(operation.uid), payload_of(operation) if payload is None else payload]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
