"""Addresses outside that are told what happens in a project, and what they were told."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import NEVER_REUSE_IDS, Base
from limner.store.types import BIG_INTEGER, Created, Id, JsonObject


class Webhook(Base):
    """An address outside that is told what happens in a project. The secret signs; it is shown once."""

    __tablename__ = "webhooks"
    __table_args__ = (NEVER_REUSE_IDS,)

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(String(2048))
    secret: Mapped[str] = mapped_column(String(64))
    events: Mapped[str] = mapped_column(String(255))  # names, between spaces
    enabled: Mapped[bool] = mapped_column(default=True)
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("users.id", ondelete="SET NULL"))
    created: Mapped[Created]


class WebhookDelivery(Base):
    """Something that a webhook is told, or was. While it waits an item of the kind ``webhook`` asks for it."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))  # limner.vocabulary.states.WebhookEvent
    body: Mapped[JsonObject]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]  # of the last answer
    message: Mapped[str] = mapped_column(Text, default="")  # why the last attempt failed
    created: Mapped[Created]
    tried: Mapped[datetime | None]
