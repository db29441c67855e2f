"""Connections to PostgreSQL whose ends notice that the other one is gone without a word: cut off, or without power.

Nobody says goodbye then. As TCP is by itself, the server would keep for two hours what a lost process has locked, so
that nobody saves on that image meanwhile; and a process would wait a quarter of an hour for what a lost server was to
answer, or for ever for events that it was to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL

CONNECTS_WITHIN = 10  # s
IDLE, BETWEEN, PROBES = 10, 5, 3  # s of silence before the other end is asked; s between questions; unanswered ones
NOTICED_AFTER = IDLE + BETWEEN * PROBES  # s, also for what was sent and never acknowledged

_OF_CLIENT: Mapping[str, int] = {
    "connect_timeout": CONNECTS_WITHIN,
    "keepalives_idle": IDLE,
    "keepalives_interval": BETWEEN,
    "keepalives_count": PROBES,
    "tcp_user_timeout": NOTICED_AFTER * 1000,
}
_OF_SERVER = (
    f"SET tcp_keepalives_idle = {IDLE}; SET tcp_keepalives_interval = {BETWEEN}; "
    f"SET tcp_keepalives_count = {PROBES}; SET tcp_user_timeout = {NOTICED_AFTER * 1000}"
)


def client_options(url: URL) -> dict[str, Any]:
    """What libpq is to be told; what the URL itself says of it stays (`?connect_timeout=3`)."""
    return {name: value for name, value in _OF_CLIENT.items() if name not in url.query}


def tell_server(connection: Any, _record: object = None) -> None:
    """Have the server watch its end of a new psycopg connection likewise. Says nothing on a socket of the machine."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute(_OF_SERVER)
    connection.autocommit = before
