"""Webhooks: addresses that are told what happens in a project. What is to be told is a row, written with its cause."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.rows import AnyImage
from limner.store.tables import JobItem, Webhook, WebhookDelivery
from limner.store.types import utc_now
from limner.vocabulary.states import WebhookEvent

DELIVER = "webhook"  # kind of the items that ask for a delivery; their key is its number
SECRET_BYTES = 32
MOST_WEBHOOKS = 20  # of a project
KEPT_DELIVERIES = 100  # of a webhook; older ones that are over go
TOLD_STATES: Mapping[str, WebhookEvent] = {"submitted": "image.submitted", "approved": "image.approved"}


def create_webhook(
    session: Session, project_id: int, url: str, events: Sequence[WebhookEvent], user_id: int | None
) -> Webhook:
    """A new webhook with a secret of its own.

    Raises:
        Conflict: the project has too many.
    """
    if len(list_webhooks(session, project_id)) >= MOST_WEBHOOKS:
        raise Conflict(f"A project has at most {MOST_WEBHOOKS} webhooks.", hint="Remove one first.")
    secret = "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    webhook = Webhook(project_id=project_id, url=url, events=" ".join(events), secret=secret, user_id=user_id)
    session.add(webhook)
    session.flush()
    return webhook


def list_webhooks(session: Session, project_id: int) -> Sequence[Webhook]:
    """The webhooks of a project, oldest first."""
    return session.scalars(select(Webhook).where(Webhook.project_id == project_id).order_by(Webhook.id)).all()


def find_webhook(session: Session, project_id: int, webhook_id: int) -> Webhook:
    """The webhook of a project with this number.

    Raises:
        NotFound: the project has none.
    """
    webhook = session.scalar(select(Webhook).where(Webhook.id == webhook_id, Webhook.project_id == project_id))
    if webhook is None:
        raise NotFound.row("webhook", webhook_id)
    return webhook


def delete_webhook(session: Session, webhook: Webhook) -> None:
    """Remove a webhook: what was to be delivered is not any more."""
    numbers = session.scalars(select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook.id)).all()
    keys = [str(number) for number in numbers]
    session.execute(delete(JobItem).where(JobItem.kind == DELIVER, JobItem.key.in_(keys)))
    session.execute(delete(Webhook).where(Webhook.id == webhook.id))


def last_deliveries(session: Session, webhook_id: int, limit: int = 50) -> Sequence[WebhookDelivery]:
    """The newest deliveries of a webhook, newest first."""
    return session.scalars(
        select(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    ).all()


def tell_mark(session: Session, image: AnyImage, user_id: int | None, now: datetime) -> None:
    """An image was marked: whoever wants to know is told once this transaction is committed."""
    if image.state in TOLD_STATES:
        data = {"image_id": image.id, "file_name": image.file_name, "revision": image.revision, "user_id": user_id}
        tell(session, image.project_id, TOLD_STATES[image.state], data, now)


def tell(
    session: Session, project_id: int, event: WebhookEvent, data: Mapping[str, Any], now: datetime | None = None
) -> int:
    """Something happened in a project: make a delivery for each webhook that wants to know.

    Returns:
        How many there are.
    """
    wanted = [each for each in list_webhooks(session, project_id) if each.enabled and event in each.events.split()]
    for webhook in wanted:
        deliver(session, webhook, event, data, now)
    return len(wanted)


def deliver(
    session: Session, webhook: Webhook, event: WebhookEvent, data: Mapping[str, Any], now: datetime | None = None
) -> WebhookDelivery:
    """Make a delivery, whatever the webhook wants to know; it is due at once."""
    now = now or utc_now()
    body = {"type": event, "timestamp": now.isoformat(), "data": {"project_id": webhook.project_id, **data}}
    delivery = WebhookDelivery(webhook_id=webhook.id, event=event, body=body, state="waiting", created=now)
    session.add(delivery)
    session.flush()
    session.add(
        JobItem(kind=DELIVER, key=str(delivery.id), priority=0, state="waiting", not_before=now, payload={}, message="")
    )
    oldest = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook.id)
    oldest = oldest.order_by(WebhookDelivery.id.desc()).offset(KEPT_DELIVERIES)
    session.execute(
        delete(WebhookDelivery)
        .where(WebhookDelivery.id.in_(oldest), WebhookDelivery.state != "waiting")
        .execution_options(synchronize_session=False)
    )
    return delivery
