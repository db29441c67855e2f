"""How the encoders stand that work for many processes, each as it said itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from limner.store.tables import Encoder
from limner.store.types import utc_now
from limner.store.upsert import insert_for

SILENCE = timedelta(seconds=45)  # after which an encoder counts as gone: three heartbeats


def report_encoder(session: Session, holder: str, model_sha256: str | None, status: dict[str, Any]) -> None:
    """An encoder says how it stands; those that have been silent for long are forgotten."""
    now = utc_now()
    session.execute(delete(Encoder).where(Encoder.beat < now - 10 * SILENCE))
    said = {"model_sha256": model_sha256, "status": status, "beat": now}
    new = insert_for(session, Encoder).values(holder=holder, **said)
    session.execute(new.on_conflict_do_update(index_elements=["holder"], set_=said))


def remove_encoder(session: Session, holder: str) -> None:
    """An encoder has ended."""
    session.execute(delete(Encoder).where(Encoder.holder == holder))


def living_encoders(session: Session) -> Sequence[Encoder]:
    """Those that have said something lately, by their names."""
    return session.scalars(select(Encoder).where(Encoder.beat > utc_now() - SILENCE).order_by(Encoder.holder)).all()
