"""The kinds of jobs and of items, and what each says about itself.

A job is what somebody started on a project; an item is one unit to be done. Items are claimed by kind, so whatever
decides who can do them is part of the kind: an item of encoding belongs to one model.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from pydantic import BaseModel, ConfigDict, Field

from limner.encoding.states import Target
from limner.store.embeddings import EmbeddingKey
from limner.vocabulary.geometry import Region
from limner.vocabulary.suggested import AnyRequest

SWEEP = "sweep"  # items whose key is the sha256 of an image: remove its blobs if no row names it


class Priority(IntEnum):
    """What is claimed first: the smaller number."""

    LOOK = -10  # somebody looks at it; the newest of these comes first
    SOON = 0  # somebody is going to need it
    BULK = 10


class PrecomputePayload(BaseModel):
    """Of a job ``precompute``: encode all images of a project with one model. Its images become items.

    Attributes:
        model_sha256: of the model's weights; None, in jobs of older versions, is the model in use.
        counted_until: number of the last image that the job's total counted when it was started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_sha256: str | None = None
    preprocessing_version: int | None = None
    counted_until: int = 0

    def key(self, default: EmbeddingKey) -> EmbeddingKey:
        """Of the embeddings that it wants; ``default`` is the installation's model."""
        if self.model_sha256 is None or self.preprocessing_version is None:
            return default
        return EmbeddingKey(self.model_sha256, self.preprocessing_version)


class ModelChangePayload(PrecomputePayload):
    """Of a job ``change_model``: the same, and then the project uses the model.

    Attributes:
        wanted: what the project has chosen then; None: whatever the installation uses.
        name: of the model.
    """

    wanted: str | None
    name: str


PAYLOADS: Mapping[str, type[PrecomputePayload]] = {"precompute": PrecomputePayload, "change_model": ModelChangePayload}


ENCODE = "encode:"  # how the kinds of items begin that ask for an embedding


class SuggestPayload(BaseModel):
    """Of a job ``suggest``, and of its items: what to look for, with which model.

    Attributes:
        model_sha256: of the weights that make the masks.
        detector_sha256: of the weights of the detector, where one is asked.
        text_detector: name of the text detector, where one is asked.
        categories: numbers of categories by phrase, where phrases are looked for.
        box_thresholds: least scores of boxes by phrase, where they were learned; others have the request's.
        last_image: of a job of what files mark, the number of the last image that gets an item; None, in jobs of older
            versions: all have theirs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_sha256: str
    request: AnyRequest
    detector_sha256: str | None = None
    text_detector: str | None = None
    categories: Mapping[str, int] = Field(default_factory=dict)
    box_thresholds: Mapping[str, float] = Field(default_factory=dict)
    last_image: int | None = None


EXPORT = "export"  # items that ask for a part of an export; their keys name the job and the part


SUGGEST = "suggest:"  # how the kinds of items begin that ask for suggestions


def suggest_kind(model_sha256: str) -> str:
    """The kind of items that ask for suggestions by this model; their keys are numbers of images."""
    return f"{SUGGEST}{model_sha256}"


def encode_kind(key: EmbeddingKey) -> str:
    """The kind of items that ask for an embedding by this model; their keys are those of :func:`encode_key`."""
    return f"{ENCODE}{key.model_sha256}:{key.preprocessing_version}"


def encode_key(target: Target) -> str:
    """The key of an item that asks for the embedding of this target; which model is to make it says the kind."""
    return target.image_sha256 if target.region is None else f"{target.image_sha256}:{target.region}"


def encode_target(kind: str, key: str) -> Target:
    """The target that :func:`encode_kind` and :func:`encode_key` named."""
    _, model_sha256, _ = kind.split(":")
    sha256, _, region = key.partition(":")
    return Target(sha256, model_sha256, Region.parse(region) if region else None)
