"""What all tables share.

The modules of this package do without ``from __future__ import annotations``: SQLAlchemy would compile the text of
every column's type once more at each start.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import MetaData, text
from sqlalchemy.orm import DeclarativeBase

from limner.store.types import (
    JSON_OBJECT,
    UtcDateTime,
)


class Base(DeclarativeBase):
    """Base of all tables; constraints are named so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {dict[str, Any]: JSON_OBJECT, datetime: UtcDateTime}


UNCOUNTED_IMAGES = "revision <> counted_revision"  # those that statistics do not know as they are
IS_UNCOUNTED = text("images.revision <> images.counted_revision")
IS_GONE = text("image_rollups.gone")
OPEN_IMAGES = "state IN ('waiting', 'returned')"  # those on which somebody has to work
IS_OPEN = text(f"images.{OPEN_IMAGES}")  # the same of a query, in the words by which SQLite finds the partial indexes
UNRANKED = 999_999_999  # learning rank of an image that has none: behind all others
LONG_AGO = "1970-01-01 00:00:00.000000"
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}


def where(condition: str) -> dict[str, Any]:
    """Arguments that make an index a partial one, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
