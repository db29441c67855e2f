"""Going to a provider and back, and what came of it."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from limner.service.wiring import Services
from limner.store.tables import AuditEntry
from tests.provider import FakeProvider

PASSWORD = "violet anchors hum quietly"

BASE = "/api/v1/sign-in/company"


def come_back(client: FlaskClient, company: FakeProvider, **begin: Any) -> dict[str, str]:
    """Go to the provider and back; what the page finds in its address."""
    begun = client.post(f"{BASE}/begin", json=begin)
    assert begun.status_code == 200, begun.json
    return company.follow(begun.json["address"])


def sign_in(client: FlaskClient, company: FakeProvider, **begin: Any) -> Any:
    return client.post(f"{BASE}/finish", json=come_back(client, company, **begin))


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def invite(owner: FlaskClient, **wanted: Any) -> str:
    answer = owner.post("/api/v1/invitations", json=wanted)
    assert answer.status_code == 201, answer.json
    return str(answer.json["token"])


def audited(services: Services, action: str) -> list[dict[str, Any]]:
    with services.database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id))
        return [dict(row.details) for row in rows]


def people(owner: FlaskClient) -> dict[str, str]:
    return {each["name"]: each["role"] for each in owner.get("/api/v1/people").json["people"]}
