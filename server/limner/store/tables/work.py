"""Background work, who does it, and what pages hear."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import NEVER_REUSE_IDS, Base, where
from limner.store.types import (
    BIG_INTEGER,
    BigInt,
    Created,
    Id,
    JsonObject,
    Moment,
    Name,
    Sha256,
)


class Job(Base):
    """Work on a whole project that goes on in the background: what somebody started. Its items are what is to be done.

    ``total`` is how many items there will have been, as far as is known; ``cursor`` the number of the last row of the
    project that was made an item, or needed none: items are made a few at a time. Kinds: ``limner.jobs.kinds``.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled', 'failed')", name="state"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[Created]
    updated: Mapped[Created]
    cursor: Mapped[BigInt] = mapped_column(default=0, server_default="0")
    payload: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")

    @property
    def model(self) -> str | None:
        """The name of the model that it is about; None where its kind does not say."""
        name: str | None = self.payload.get("name")
        return name


class JobItem(Base):
    """One unit of work that is still to be done, or has failed for good; what is done has no row any more.

    An item that runs is leased to its holder until ``lease_until``; after that anybody may have it. Items of a job go
    with it; those without a job stand for themselves, one for each kind and key.
    """

    __tablename__ = "job_items"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'paused', 'failed')", name="state"),
        UniqueConstraint("kind", "key", "job_id"),
        Index("ix_job_items_without_job", "kind", "key", unique=True, **where("job_id IS NULL")),
        Index("ix_job_items_claim", "kind", "state", "priority", "not_before", "id"),
        Index("ix_job_items_job_id_state", "job_id", "state"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    job_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(String(160))  # what it is about, as its kind names things
    priority: Mapped[int]  # the smaller comes first
    state: Mapped[str] = mapped_column(String(16))
    holder: Mapped[str | None] = mapped_column(String(96))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[Moment]  # when it may be tried, or tried again
    attempts: Mapped[int] = mapped_column(default=0)  # times that it was claimed
    crashes: Mapped[int] = mapped_column(default=0)  # times that a holder was lost over it
    payload: Mapped[JsonObject] = mapped_column(default=dict)
    message: Mapped[str] = mapped_column(Text, default="")  # why it failed last
    created: Mapped[Created]


class Event(Base):
    """Something that pages want to hear about, kept for a while so that a page that reconnects misses nothing."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_project_id_id", "project_id", "id"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    project_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, ForeignKey("projects.id", ondelete="CASCADE")
    )  # none: concerns everybody
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[JsonObject]
    created: Mapped[Created]


class Encoder(Base):
    """How an encoder stands that works for many processes, as it said itself last; one that is silent is gone."""

    __tablename__ = "encoders"

    holder: Mapped[str] = mapped_column(String(96), primary_key=True)  # the name under which it holds items
    model_sha256: Mapped[Sha256 | None]
    status: Mapped[JsonObject]
    beat: Mapped[Moment]


class RateCount(Base):
    """How often something limited was done in a span of time that ends at ``expires``."""

    __tablename__ = "rate_counts"

    key: Mapped[Name] = mapped_column(primary_key=True)
    count: Mapped[BigInt]
    expires: Mapped[Moment] = mapped_column(index=True)
