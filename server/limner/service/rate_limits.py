"""What rate limits count, kept in the database: a storage of the library `limits`, which Flask-Limiter uses."""

from __future__ import annotations

import hashlib
from typing import Any

from limits.storage import Storage
from sqlalchemy.exc import SQLAlchemyError

from limner.store import Database
from limner.store.rate_counts import KEY_LENGTH, count_up, counted, forget

SCHEME = "limner-database"


class DatabaseStorage(Storage):
    """Counts in the table ``rate_counts``.

    Args:
        uri: of this scheme.
        wrap_exceptions: as in the base class.
        database: where the table is.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012  (a class variable, as in the base class)

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, database: Database, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._database = database

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the database raises."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count ``amount`` more; how many there are now."""
        with self._database.write(durable=False) as session:
            return count_up(session, _short(key), expiry, amount)

    def get(self, key: str) -> int:
        """How many there are."""
        with self._database.read() as session:
            return counted(session, _short(key))[0]

    def get_expiry(self, key: str) -> float:
        """When counting begins anew, in seconds since 1970."""
        with self._database.read() as session:
            return counted(session, _short(key))[1].timestamp()

    def check(self) -> bool:
        """Whether the database answers."""
        try:
            self.get("")
        except SQLAlchemyError:
            return False
        return True

    def reset(self) -> int | None:
        """Begin anew for all."""
        with self._database.write(durable=False) as session:
            return forget(session)

    def clear(self, key: str) -> None:
        """Begin anew for one."""
        with self._database.write(durable=False) as session:
            forget(session, _short(key))


def _short(key: str) -> str:
    return key if len(key) <= KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()
