"""When embeddings were used last, what they are worth, and which of them goes first when there are too many.

The order is that of GreedyDual-Size (Cao and Irani, 1997) with time as its clock: an embedding is worth the moment of
its last use plus what it costs to make again for each byte that it takes. It is written down when it changes, so that
the first to go are found along an index, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from limner.store.tables import Embedding, Image

MIB = 1 << 20
WORTH = timedelta(days=1)  # of idleness that each second of encoding for a MiB makes up for
MOST_WORTH = timedelta(days=30)
NOTED_EVERY = timedelta(minutes=10)  # use is written down this often at most


@dataclass(frozen=True)
class StoredEmbedding:
    """An embedding as its row names it; ``bytes`` is all that is stored of the image by the model."""

    image_sha256: str
    model_sha256: str
    preprocessing_version: int
    bytes: int


def removal_order(used: datetime, seconds: float, size: int) -> datetime:
    """The later, the longer an embedding is kept.

    Args:
        used: when it was used last.
        seconds: that it took to make; 0 where that is not known.
        size: its bytes.
    """
    cost = max(0.0, seconds) * MIB / max(size, 1)  # s/MiB
    return used + min(MOST_WORTH, WORTH * min(cost, MOST_WORTH / WORTH))


def is_use_due(session: Session, image_sha256: str, model_sha256: str, version: int, now: datetime) -> bool:
    """Whether a use of this embedding is to be written down: there is a row, and that has not just been done."""
    used = select(Embedding.last_used).where(_named(image_sha256, model_sha256, version))
    last = session.scalar(used)
    return last is not None and last < now - NOTED_EVERY


def note_use(session: Session, image_sha256: str, model_sha256: str, version: int, now: datetime) -> None:
    """Somebody needs an embedding now. Waits while it is being removed; then nothing is written down."""
    mine = select(Embedding).where(_named(image_sha256, model_sha256, version)).with_for_update()
    row = session.scalar(mine)
    if row is not None:
        row.last_used = max(row.last_used, now)
        row.removal_order = removal_order(row.last_used, row.seconds, row.bytes)


def add_derived(session: Session, image_sha256: str, model_sha256: str, version: int, size: int) -> None:
    """So many bytes more are stored of an image by a model: a region, or the embedding in another form."""
    named = _named(image_sha256, model_sha256, version)
    session.execute(update(Embedding).where(named).values(bytes=Embedding.bytes + size))


def embedding_bytes(session: Session) -> int:
    """What all embeddings take. Reads the whole of an index."""
    return int(session.scalar(select(func.sum(Embedding.bytes))) or 0)


def first_to_go(session: Session, unused_since: datetime, now: datetime, limit: int) -> Sequence[StoredEmbedding]:
    """Those that are worth least, of which nobody needs the image now, in the order in which they are to go."""
    columns = (Embedding.image_sha256, Embedding.model_sha256, Embedding.preprocessing_version, Embedding.bytes)
    order = (Embedding.removal_order, Embedding.image_sha256, Embedding.model_sha256, Embedding.preprocessing_version)
    found = select(*columns).where(_idle(unused_since, now)).order_by(*order).limit(limit)
    return [StoredEmbedding(*row) for row in session.execute(found)]


def lock_idle(session: Session, stored: StoredEmbedding, unused_since: datetime, now: datetime) -> Embedding | None:
    """The row of an embedding for as long as the transaction takes, if it may still go; None otherwise."""
    named = _named(stored.image_sha256, stored.model_sha256, stored.preprocessing_version)
    return session.scalar(select(Embedding).where(named, _idle(unused_since, now)).with_for_update())


def _idle(unused_since: datetime, now: datetime) -> ColumnElement[bool]:
    """Neither made nor used since, and nobody has the image, or is handed it next."""
    held = select(Image.id).where(Image.sha256 == Embedding.image_sha256, Image.lease_until > now).exists()
    return and_(Embedding.last_used < unused_since, ~held)


def _named(image_sha256: str, model_sha256: str, version: int) -> ColumnElement[bool]:
    return and_(
        Embedding.image_sha256 == image_sha256,
        Embedding.model_sha256 == model_sha256,
        Embedding.preprocessing_version == version,
    )
