"""Webhooks of projects."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.webhooks import (
    CreatedWebhook,
    Delivery,
    DeliveryList,
    NewWebhook,
    Webhook,
    WebhookChange,
    WebhookList,
)
from limner.service import webhooks

blueprint = APIBlueprint("webhooks", __name__)


@blueprint.get("/projects/<int:project_id>/webhooks")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.output(WebhookList)
@blueprint.doc(operation_id="listWebhooks")
def list_webhooks(project_id: int) -> WebhookList:
    """The addresses that are told what happens in the project."""
    found = webhooks.list_webhooks(services(), current_actor(), project_id)
    return WebhookList(webhooks=[Webhook.of(each) for each in found])


@blueprint.post("/projects/<int:project_id>/webhooks")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.input(NewWebhook)
@blueprint.output(CreatedWebhook, status_code=201)
@blueprint.doc(operation_id="createWebhook")
def create_webhook(project_id: int, json_data: NewWebhook) -> CreatedWebhook:
    """Have an address told what happens; the answer has its secret, once."""
    made = webhooks.create_webhook(services(), current_actor(), project_id, json_data.url, json_data.events)
    return CreatedWebhook(webhook=Webhook.of(made.row), secret=made.secret)


@blueprint.patch("/projects/<int:project_id>/webhooks/<int:webhook_id>")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.input(WebhookChange)
@blueprint.output(Webhook)
@blueprint.doc(operation_id="changeWebhook")
def change_webhook(project_id: int, webhook_id: int, json_data: WebhookChange) -> Webhook:
    """Have a webhook told of events, or not for now."""
    found = webhooks.enable_webhook(services(), current_actor(), project_id, webhook_id, json_data.enabled)
    return Webhook.of(found)


@blueprint.delete("/projects/<int:project_id>/webhooks/<int:webhook_id>")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.doc(operation_id="deleteWebhook", responses={204: "Removed"})
def delete_webhook(project_id: int, webhook_id: int) -> Response:
    """Remove a webhook, with what it was still to be told."""
    webhooks.delete_webhook(services(), current_actor(), project_id, webhook_id)
    return Response(status=204)


@blueprint.get("/projects/<int:project_id>/webhooks/<int:webhook_id>/deliveries")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.output(DeliveryList)
@blueprint.doc(operation_id="listWebhookDeliveries")
def list_deliveries(project_id: int, webhook_id: int) -> DeliveryList:
    """What a webhook was told last, and what became of it."""
    found = webhooks.list_deliveries(services(), current_actor(), project_id, webhook_id)
    return DeliveryList(deliveries=[Delivery.of(each) for each in found])


@blueprint.post("/projects/<int:project_id>/webhooks/<int:webhook_id>/test")
@requires(Permission.MANAGE_WEBHOOKS)
@blueprint.output(Delivery, status_code=202)
@blueprint.doc(operation_id="testWebhook")
def test_webhook(project_id: int, webhook_id: int) -> Delivery:
    """Tell a webhook that it works."""
    return Delivery.of(webhooks.try_webhook(services(), current_actor(), project_id, webhook_id))
