"""What the web process and the encoder process say to each other: a JSON object a line, over the child's pipes.

Only names and numbers travel; images and embeddings lie in the blob store.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from limner.encoding.states import Target
from limner.vocabulary.messages import Broken, Message


class Encode(Message):
    """Parent to child: encode these, all at once where the device can; all by one model. One answer follows for each.

    Attributes:
        following: what will probably be asked for next, to be read and decoded while the device is busy.
        beside: not after what the child has in hand, but at the same time: somebody looks at it.
    """

    kind: Literal["encode"] = "encode"
    targets: list[Target]
    following: list[Target] = Field(default_factory=list)
    beside: bool = False


class Prepare(Message):
    """Parent to child: load this model and see to it that its graphs are there."""

    kind: Literal["prepare"] = "prepare"
    model_sha256: str


class Progress(Message):
    """Child to parent: what the start is busy with."""

    kind: Literal["progress"] = "progress"
    message: str


class Loading(Message):
    """Child to parent: another model is being loaded, which may take a while; ``Ready`` or ``Unusable`` follows."""

    kind: Literal["loading"] = "loading"
    model_sha256: str


class Unusable(Message):
    """Child to parent: this model cannot be loaded; others go on."""

    kind: Literal["unusable"] = "unusable"
    model_sha256: str
    message: str


class Ready(Message):
    """Child to parent: this model is loaded and its graphs are there. Sent again when the device changes.

    Attributes:
        batch_size: targets that may be sent at once.
        beside: one more may be sent while a batch is in hand.
        message: what a person should know about the device, for instance that memory ran out.
    """

    kind: Literal["ready"] = "ready"
    device: str
    model_sha256: str
    threads: int
    batch_size: int
    beside: bool = False
    message: str = ""


class Encoded(Message):
    """Child to parent: the embedding is stored.

    Attributes:
        seconds: that the encoding took; 0 when the embedding was there already.
        ended: when it had ended, before the embedding was stored and others could see it, in seconds since 1970; None
            when the embedding was there already.
    """

    kind: Literal["encoded"] = "encoded"
    target: Target
    seconds: float
    bytes: int
    ended: float | None = None


class Failed(Message):
    """Child to parent: this target has no embedding.

    Attributes:
        code: of the error.
        lasting: the image itself is at fault, so that trying again is no use.
    """

    kind: Literal["failed"] = "failed"
    target: Target
    code: str
    message: str
    lasting: bool


Request = Encode | Prepare
Report = Progress | Loading | Ready | Unusable | Broken | Encoded | Failed

_REQUESTS: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])

_REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])


def parse_report(line: bytes) -> Report:
    """A line from the child -> message. pydantic's ValidationError means that the two are of different versions."""
    return _REPORTS.validate_json(line)


def parse_request(line: bytes) -> Request:
    """A line from the parent -> message."""
    return _REQUESTS.validate_json(line)
