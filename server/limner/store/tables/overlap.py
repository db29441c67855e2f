"""What several people made of the same image, each on a copy of their own, and how that compares by twos."""

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import Base
from limner.store.types import BIG_INTEGER, JSON_OBJECT, BigInt, Created


def _copy_key() -> Mapped[int]:
    return mapped_column(
        BIG_INTEGER, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class OverlapAnswer(Base):
    """A copy that its person submitted or skipped, as it was compared with the others'."""

    __tablename__ = "overlap_answers"
    __table_args__ = (Index("ix_overlap_answers_image_id", "image_id"),)

    copy_id: Mapped[int] = _copy_key()
    image_id: Mapped[int] = mapped_column(BIG_INTEGER, ForeignKey("images.id", ondelete="CASCADE"))  # the original
    user_id: Mapped[BigInt]
    revision: Mapped[int]  # of the copy, that was looked at
    created: Mapped[Created]


class OverlapPair(Base):
    """How the work of two people on one image compares. The first is the one of the smaller number."""

    __tablename__ = "overlap_pairs"
    __table_args__ = (
        Index("ix_overlap_pairs_project_id_image_id", "project_id", "image_id"),
        Index("ix_overlap_pairs_second_id", "second_id"),
    )

    first_id: Mapped[int] = _copy_key()
    second_id: Mapped[int] = _copy_key()
    image_id: Mapped[int] = mapped_column(BIG_INTEGER, ForeignKey("images.id", ondelete="CASCADE"))  # the original
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))  # that of the original
    first_user_id: Mapped[BigInt]
    second_user_id: Mapped[BigInt]
    # [annotation of the first, of the second, mask IoU, boundary IoU, category of the first, of the second] each
    matches: Mapped[list[Any]] = mapped_column(JSON_OBJECT)
    only_first: Mapped[list[Any]] = mapped_column(JSON_OBJECT)  # category of each mask that only the first made
    only_second: Mapped[list[Any]] = mapped_column(JSON_OBJECT)
    created: Mapped[Created]
