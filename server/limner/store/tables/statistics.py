"""What each image adds to the figures of its project, and their sums."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import Base, where
from limner.store.types import (
    BIG_INTEGER,
    PATH,
    BigInt,
    JsonObject,
    Sha256,
)


class ImageRollup(Base):
    """What one image adds to the statistics of its project, so that it can be taken out again.

    ``image_id`` may name an image that is gone; the row goes with the next counting then.
    """

    __tablename__ = "image_rollups"
    __table_args__ = (Index("ix_image_rollups_gone", "project_id", "image_id", **where("gone")),)

    image_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    gone: Mapped[bool] = mapped_column(default=False, server_default=false())
    counted: Mapped[JsonObject]  # limner.store.contributions.Contributions


class ProjectSize(Base):
    """How much is in a project: sums of what its images add that were counted.

    ``encoded_counted`` says when its encoded images were counted last, which is done for large projects alone.
    """

    __tablename__ = "project_sizes"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    images: Mapped[BigInt]
    annotated: Mapped[BigInt]  # images
    annotations: Mapped[BigInt]
    submitted: Mapped[BigInt]  # images, as those that follow
    skipped: Mapped[BigInt]
    approved: Mapped[BigInt]
    returned: Mapped[BigInt]
    encoded_counted: Mapped[datetime | None]
    encoded_seconds: Mapped[float | None]  # that it took


class FolderSize(Base):
    """How many images are right in a folder of a project, without those in its folders; of those that were counted."""

    __tablename__ = "folder_sizes"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(PATH, primary_key=True)
    images: Mapped[BigInt]


class EncodedCount(Base):
    """How many images of a project had an embedding by a model when they were counted last."""

    __tablename__ = "encoded_counts"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    model_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    preprocessing_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    images: Mapped[BigInt]


class EffortGroup(Base):
    """Masks that a person made of one category with one model, and the work on them; 0 and "": none.

    Times and clicks are those of ``timed`` and ``clicked`` masks: not every mask's are known.
    """

    __tablename__ = "effort_groups"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    category_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    model_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    masks: Mapped[BigInt]
    timed: Mapped[BigInt]
    milliseconds: Mapped[BigInt]
    clicked: Mapped[BigInt]
    clicks: Mapped[BigInt]


class EffortDay(Base):
    """The same of masks that a person made on one day."""

    __tablename__ = "effort_days"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # in UTC
    masks: Mapped[BigInt]
    timed: Mapped[BigInt]
    milliseconds: Mapped[BigInt]
    clicked: Mapped[BigInt]
    clicks: Mapped[BigInt]


class StateDay(Base):
    """How many images went from one state to another on a day, by whom, and who had submitted them last; 0: nobody.

    From "" go images that are added.
    """

    __tablename__ = "state_days"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # in UTC
    before: Mapped[str] = mapped_column(String(16), primary_key=True)
    after: Mapped[str] = mapped_column(String(16), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    images: Mapped[BigInt]


class JudgementGroup(Base):
    """Masks of one category that a person made, as they were judged last in the verification grid; 0: none.

    ``mended`` ones were wrong, and have changed since.
    """

    __tablename__ = "judgement_groups"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    category_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    right: Mapped[BigInt]
    wrong: Mapped[BigInt]
    mended: Mapped[BigInt]
