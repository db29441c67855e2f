"""Snapshots of a project, and what differs between them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from limner.api.schemas.base import Answer, NameText, Request

RowNumber = Annotated[int, Field(ge=1, lt=2**63)]


class NewSnapshot(Request):
    """A name for how the annotations stand now."""

    name: NameText


class Snapshot(Answer):
    """The annotations of a project as they stood once; ``sha256`` is that of its COCO file, the same for ever."""

    id: int
    project_id: int
    name: str
    sha256: str
    bytes: int
    images: int
    annotations: int
    user: str | None
    created: datetime


class SnapshotList(Answer):
    """Snapshots, oldest first."""

    snapshots: list[Snapshot]


class DiffQuery(Request):
    """Number of the newer snapshot; without it, the older one is compared with how the project stands now."""

    after: RowNumber | None = None


class Difference(Answer):
    """An annotation that is not in both, or not the same in both.

    ``iou`` is that of its masks, ``changes`` names what changed; both are for changed ones. ``before`` and ``after``
    are names of categories.
    """

    kind: Literal["added", "removed", "changed"]
    uid: str
    image_id: int
    file_name: str
    iou: float | None
    changes: list[str]
    before: str | None
    after: str | None


class Diff(Answer):
    """Counts of all differences, names of images, and the first differences themselves."""

    images_added: list[str]
    images_removed: list[str]
    added: int
    removed: int
    changed: int
    unchanged: int
    differences: list[Difference]
