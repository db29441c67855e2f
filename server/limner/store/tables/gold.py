"""Gold images: what is on them, kept as it was, and how work on copies of them compares with that."""

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import Base
from limner.store.types import BIG_INTEGER, JSON_OBJECT, BigInt, Created


class GoldReference(Base):
    """The masks of an image when it was made gold; ``images.is_gold`` says that there is one."""

    __tablename__ = "gold_references"

    image_id: Mapped[int] = mapped_column(
        BIG_INTEGER, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    masks: Mapped[list[Any]] = mapped_column(JSON_OBJECT)  # [compressed counts, number of the category or null] each
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who made it gold
    created: Mapped[Created]


class GoldScore(Base):
    """How the work on a copy of a gold image compares with the reference, when it was submitted last."""

    __tablename__ = "gold_scores"
    __table_args__ = (Index("ix_gold_scores_project_id_user_id", "project_id", "user_id"),)

    copy_id: Mapped[int] = mapped_column(
        BIG_INTEGER, ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))  # that of the original
    user_id: Mapped[BigInt]
    revision: Mapped[int]  # of the copy, that was looked at
    matched: Mapped[int]
    missed: Mapped[int]
    extra: Mapped[int]
    mask_iou: Mapped[float]  # sum over what is matched
    boundary_iou: Mapped[float]  # likewise
    categories: Mapped[list[Any]] = mapped_column(JSON_OBJECT)  # [of the reference, given] of what is matched
    scored: Mapped[Created]
