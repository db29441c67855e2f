"""Keeping embeddings below a size: those that are worth least are removed, and made again when somebody needs them.

What was made or used within an hour stays, and so does what somebody works on or is handed next: for that long, too
many are kept rather than made twice. An embedding goes in a transaction of its own that holds its row: who wants it
has written down before that it is needed, and then it stays, or waits for the row, finds no blob, and has it made
again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from limner.blobs import BlobStore, embedding_key, region_folder
from limner.encoding.states import Target
from limner.encoding.wire import DTYPES
from limner.errors import Unavailable
from limner.models.manifest import PREPROCESSING_VERSION
from limner.store import Database
from limner.store.embedding_use import (
    StoredEmbedding,
    add_derived,
    embedding_bytes,
    first_to_go,
    is_use_due,
    lock_idle,
    note_use,
)
from limner.store.types import utc_now

KEPT = timedelta(hours=1)  # after it was made or used
AT_ONCE = 200  # that are looked for

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EmbeddingCap:
    """How much embeddings may take.

    Attributes:
        most: bytes; 0: no limit, and nothing is written down about their use.
    """

    database: Database
    blobs: BlobStore
    most: int

    def use(self, target: Target, now: datetime | None = None) -> None:
        """Somebody is about to read an embedding: it is not removed for the next hour. Cheap when said often.

        A database that is busy does not keep anybody from reading: the embedding may be removed meanwhile then.
        """
        if not self.most:
            return
        now = now or utc_now()
        named = (target.image_sha256, target.model_sha256, PREPROCESSING_VERSION)
        try:
            with self.database.read() as session:
                due = is_use_due(session, *named, now)
            if due:
                with self.database.write(durable=False) as session:
                    note_use(session, *named, now)
        except (SQLAlchemyError, Unavailable) as error:
            logger.warning("the use of an embedding was not written down", target=target, error=str(error))

    def grew(self, target: Target, size: int) -> None:
        """So many bytes were made of an embedding and are stored beside it."""
        with self.database.write(durable=False) as session:
            add_derived(session, target.image_sha256, target.model_sha256, PREPROCESSING_VERSION, size)

    def taken(self) -> int:
        """Bytes that all embeddings take. Reads the whole of an index."""
        with self.database.read() as session:
            return embedding_bytes(session)

    def enforce(self, now: datetime | None = None) -> int:
        """Remove what is too much; how many embeddings that were. Any number of processes may do so at once.

        Raises:
            Unavailable: the blob store does not answer; what was removed before is.
        """
        if not self.most:
            return 0
        now = now or utc_now()
        removed = 0
        while self.taken() > self.most:
            with self.database.read() as session:
                first = first_to_go(session, now - KEPT, now, AT_ONCE)
            # After the list: what another process removes in between is in the list then, but not in the sum. The other
            # way round both together would remove more than is too much.
            excess = self.taken() - self.most
            if not first:
                logger.info("embeddings take more than they may, and all of them are in use", bytes=excess)
                break
            for stored in first:
                if excess <= 0:
                    break
                removed += self._remove(stored, now)  # else somebody needs it, or another process was faster
                excess -= stored.bytes
        return removed

    def _remove(self, stored: StoredEmbedding, now: datetime) -> bool:
        keys = list(self._keys(stored))
        with self.database.write(bulk=True) as session:
            row = lock_idle(session, stored, now - KEPT, now)
            if row is None:
                return False
            session.delete(row)
            session.flush()
            for key in keys:
                self.blobs.delete(key)
        return True

    def _keys(self, stored: StoredEmbedding) -> Iterator[str]:
        """Everything that is stored of the image by the model."""
        named = (stored.image_sha256, stored.model_sha256, stored.preprocessing_version)
        for key, _ in self.blobs.list(region_folder(*named)):
            yield key
        for form in DTYPES:
            yield embedding_key(*named, form)
