"""Webhooks of projects."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import Field, StringConstraints

from limner.api.schemas.base import Answer, Request
from limner.service.webhooks import DeliveryRow, WebhookRow
from limner.vocabulary.events import Timestamp
from limner.vocabulary.states import DeliveryState, WebhookEvent

Told = Literal["image.submitted", "image.approved", "project.exported", "learning.done"]


class NewWebhook(Request):
    """An address that is told of these events."""

    url: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2048)]
    events: list[Told] = Field(min_length=1, max_length=10)


class WebhookChange(Request):
    """Whether a webhook is told of events."""

    enabled: bool = Field(strict=True)


class Webhook(Answer):
    """An address that is told of events. Its secret is not said again."""

    id: int
    url: str
    events: list[WebhookEvent]
    enabled: bool
    created: Timestamp

    @classmethod
    def of(cls, row: WebhookRow) -> Self:
        """The webhook as it is told to clients."""
        return cls(
            id=row.id,
            url=row.url,
            events=cast(list[WebhookEvent], row.events.split()),
            enabled=row.enabled,
            created=row.created,
        )


class CreatedWebhook(Answer):
    """A new webhook, and the secret that signs what it is told: it is shown this once."""

    webhook: Webhook
    secret: str


class WebhookList(Answer):
    """The webhooks of a project, oldest first."""

    webhooks: list[Webhook]


class Delivery(Answer):
    """Something that a webhook is told. ``status`` is that of the last answer; ``message`` says why none was good."""

    id: int
    event: WebhookEvent
    state: DeliveryState
    attempts: int
    status: int | None
    message: str
    created: Timestamp
    tried: Timestamp | None

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        """The delivery as it is told to clients."""
        return cls.model_validate(row)


class DeliveryList(Answer):
    """The last deliveries of a webhook, newest first."""

    deliveries: list[Delivery]
