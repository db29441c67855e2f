"""What is removed once in a while: old trash, blobs that no row names, embeddings over a cap."""

from __future__ import annotations

import time

import structlog

from limner.blobs import BlobStore
from limner.jobs.embedding_cap import EmbeddingCap
from limner.jobs.exported import remove_old_parts
from limner.jobs.periodic import Periodic
from limner.jobs.sweep import find_unreferenced, sweep
from limner.jobs.trash import delete_expired
from limner.store import Database

SWEEP_EVERY = 3600.0  # s
CAP_EVERY = 300.0  # s, to see what embeddings take, where that is limited
SEARCH_EVERY = 24 * 3600.0  # s, to walk through all blobs
FIRST_SEARCH_AFTER = 3600.0  # s; servers that are started anew every day are to come to it too

logger = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps once in a while, in a thread of its own.

    Args:
        database: where items and rows are.
        blobs: where the bytes are.
        holder: the name under which it holds items.
        cap: what embeddings may take; by default anything.
    """

    def __init__(self, database: Database, blobs: BlobStore, holder: str, cap: EmbeddingCap | None = None) -> None:
        self._database = database
        self._cap = cap or EmbeddingCap(database, blobs, 0)
        self._blobs = blobs
        self._holder = holder
        self._search_due = time.monotonic() + FIRST_SEARCH_AFTER
        self._periodic = Periodic("sweeper", self._sweep)

    def start(self) -> None:
        """Start; the first sweep is now."""
        self._periodic.start(CAP_EVERY if self._cap.most else SWEEP_EVERY, at_once=True)

    def stop(self) -> None:
        """End after the image in hand."""
        self._periodic.stop()

    def _sweep(self) -> None:
        if time.monotonic() >= self._search_due:
            self._search_due = time.monotonic() + SEARCH_EVERY
            find_unreferenced(self._database, self._blobs)
        if deleted := delete_expired(self._database):
            logger.info("deleted for good what was in the trash for long enough", images=deleted)
        if removed := sweep(self._database, self._blobs, self._holder):
            logger.info("removed what is stored of images that nothing names", images=removed)
        if removed := remove_old_parts(self._database, self._blobs):
            logger.info("removed parts of exports that nobody fetched", exports=removed)
        if removed := self._cap.enforce():
            logger.info("removed embeddings: they take more than they may", embeddings=removed)
