"""How often somebody may try: counted in memory where one process serves, and in the database where several do."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from limner.service.rate_limits import SCHEME
from limner.service.wiring import Services


def make_limiter(app: Flask, services: Services) -> Limiter:
    """Limits by the address of the client, shared by all processes on the same database."""
    where: dict[str, Any] = (
        {"storage_uri": "memory://"}
        if services.database.is_sqlite
        else {"storage_uri": f"{SCHEME}://", "storage_options": {"database": services.database}}
    )
    return Limiter(get_remote_address, app=app, headers_enabled=True, **where)
