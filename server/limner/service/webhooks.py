"""Webhooks of a project: made, listed, tried, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project
from limner.jobs.outgoing import check_url
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store import webhooks as store
from limner.store.tables import Webhook as WebhookRow
from limner.store.tables import WebhookDelivery as DeliveryRow
from limner.vocabulary.audit import AuditAction
from limner.vocabulary.states import WebhookEvent

__all__ = [
    "DeliveryRow",
    "NewWebhook",
    "WebhookRow",
    "create_webhook",
    "delete_webhook",
    "enable_webhook",
    "list_deliveries",
    "list_webhooks",
    "tell_export",
    "try_webhook",
]


@dataclass(frozen=True)
class NewWebhook:
    """A webhook that was made. Its secret is never told again."""

    row: WebhookRow
    secret: str


def create_webhook(
    context: Services, actor: Actor, project_id: int, url: str, events: Sequence[WebhookEvent]
) -> NewWebhook:
    """Have an address told what happens in a project from now on.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not manage its webhooks.
        InvalidInput: the address is none that can be asked.
        Conflict: the project has too many.
    """
    check_url(url)
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        webhook = store.create_webhook(session, project.id, url, list(dict.fromkeys(events)), actor.user_id)
        _log(session, actor, "webhook.create", webhook)
        return NewWebhook(webhook, webhook.secret)


def list_webhooks(context: Services, actor: Actor, project_id: int) -> Sequence[WebhookRow]:
    """The webhooks of a project, oldest first.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not manage its webhooks.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        return store.list_webhooks(session, project_id)


def enable_webhook(context: Services, actor: Actor, project_id: int, webhook_id: int, enabled: bool) -> WebhookRow:
    """Have a webhook told of events, or not for now; what waits is delivered all the same.

    Raises:
        NotFound: there is no such project that the actor may see, or no such webhook in it.
        Forbidden: the actor may not manage its webhooks.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        webhook = store.find_webhook(session, project_id, webhook_id)
        if webhook.enabled != enabled:
            webhook.enabled = enabled
            _log(session, actor, "webhook.change", webhook)
        return webhook


def delete_webhook(context: Services, actor: Actor, project_id: int, webhook_id: int) -> None:
    """Remove a webhook; what it was to be told is not delivered any more.

    Raises:
        NotFound: there is no such project that the actor may see, or no such webhook in it.
        Forbidden: the actor may not manage its webhooks.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        webhook = store.find_webhook(session, project_id, webhook_id)
        _log(session, actor, "webhook.delete", webhook)
        store.delete_webhook(session, webhook)


def list_deliveries(context: Services, actor: Actor, project_id: int, webhook_id: int) -> Sequence[DeliveryRow]:
    """What a webhook was told last, newest first, and what became of it.

    Raises:
        NotFound, Forbidden: as :func:`delete_webhook`.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        return store.last_deliveries(session, store.find_webhook(session, project_id, webhook_id).id)


def try_webhook(context: Services, actor: Actor, project_id: int, webhook_id: int) -> DeliveryRow:
    """Tell a webhook that it works; the delivery that is to do so.

    Raises:
        NotFound, Forbidden: as :func:`delete_webhook`.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_WEBHOOKS)
        webhook = store.find_webhook(session, project_id, webhook_id)
        return store.deliver(session, webhook, "test", {"user_id": actor.user_id})


def tell_export(context: Services, actor: Actor, project_id: int, export_format: str) -> None:
    """A project is exported, by somebody who may: whoever wants to know is told. Writes nothing where nobody does."""
    with context.database.read() as session:
        if not store.list_webhooks(session, project_id):
            return
    with context.database.write() as session:
        store.tell(session, project_id, "project.exported", {"format": export_format, "user_id": actor.user_id})


def _log(session: Session, actor: Actor, action: AuditAction, webhook: WebhookRow) -> None:
    """Without what stands behind the ? of the address: some receivers have their passwords there."""
    url, said = webhook.url.partition("?")[0], webhook.events.split()
    log_action(
        session,
        actor,
        action,
        "webhook",
        webhook.id,
        project_id=webhook.project_id,
        url=url,
        events=said,
        enabled=webhook.enabled,
    )
