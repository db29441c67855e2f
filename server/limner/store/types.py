"""Column types that carry meaning."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

from limner.vocabulary.listing import MAX_SORT_KEY
from limner.vocabulary.names import MAX_PATH


def utc_now() -> datetime:
    """The present moment with its time zone, in microseconds."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on the Python side whatever the database keeps (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware moment -> UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A stored moment needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What the database kept -> aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BIG_INTEGER = BigInteger().with_variant(Integer, "sqlite")  # SQLite only numbers rows of the type INTEGER
JSON_OBJECT = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
# PostgreSQL would compare by the rules of its language; SQLite never does.
COMPARED_BY_CODE_POINTS = String(MAX_SORT_KEY).with_variant(String(MAX_SORT_KEY, collation="C"), "postgresql")
PATH = String(MAX_PATH).with_variant(String(MAX_PATH, collation="C"), "postgresql")  # of a folder; compared likewise

Id = Annotated[int, mapped_column(BIG_INTEGER, primary_key=True, autoincrement=True)]
BigInt = Annotated[int, mapped_column(BIG_INTEGER)]
Name = Annotated[str, mapped_column(String(255))]
SortKey = Annotated[str, mapped_column(COMPARED_BY_CODE_POINTS)]
Sha256 = Annotated[str, mapped_column(String(64))]  # 64 lower-case hexadecimal digits
Uuid = Annotated[str, mapped_column(String(36))]  # canonical text form, lower case
Moment = Annotated[datetime, mapped_column(UtcDateTime)]
Created = Annotated[datetime, mapped_column(UtcDateTime, default=utc_now)]
JsonObject = Annotated[dict[str, Any], mapped_column(JSON_OBJECT)]
