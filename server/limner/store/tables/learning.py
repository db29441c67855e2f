"""Learning runs of projects, and the versions of models that came of them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import NEVER_REUSE_IDS, Base
from limner.store.types import BIG_INTEGER, Created, Id, JsonObject, Sha256


class LearningRun(Base):
    """One training on a frozen selection of a project's masks. One that is done is a version: its result has a name.

    What it learns from is a snapshot's file; that outlives the snapshot's row here by name and hash, so that a version
    can say for ever what it was trained on. A run that is worked on is leased to its holder, as items of jobs are.
    """

    __tablename__ = "learning_runs"
    __table_args__ = (
        CheckConstraint("kind IN ('model', 'detector')", name="kind"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'cancelled', 'failed')", name="state"),
        Index("ix_learning_runs_state_id", "state", "id"),
        Index("ix_learning_runs_project_id_id", "project_id", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    recipe: Mapped[JsonObject]  # limner.vocabulary.learning.Recipe
    snapshot: Mapped[str] = mapped_column(String(255))  # its name when the run began
    snapshot_sha256: Mapped[Sha256]  # of its file
    parent: Mapped[str] = mapped_column(String(64))  # the model that is adapted, or whose embeddings a detector reads
    parent_sha256: Mapped[Sha256]
    parent_choice: Mapped[str | None] = mapped_column(String(64))  # what the project had chosen; none: nothing
    result: Mapped[str | None] = mapped_column(String(64))  # name of what is installed
    result_sha256: Mapped[Sha256 | None]
    figures: Mapped[JsonObject] = mapped_column(default=dict)  # on images that are held out
    progress: Mapped[JsonObject] = mapped_column(default=dict)  # limner.vocabulary.learning.LearningProgress
    message: Mapped[str] = mapped_column(Text, default="")  # why it failed
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who began it
    created: Mapped[Created]
    updated: Mapped[Created]
    holder: Mapped[str | None] = mapped_column(String(96))
    lease_until: Mapped[datetime | None]
    crashes: Mapped[int] = mapped_column(default=0)  # times that a process was lost over it since it last got on
