"""What the handlers work with, hung on the application once when it is created."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from limner.blobs import BlobStore
from limner.config import Settings
from limner.encoding.service import EmbeddingService
from limner.service.events import Events
from limner.store import Database
from limner.store.embeddings import EmbeddingKey

EXTENSION = "limner"


@dataclass(frozen=True)
class Services:
    """Everything a handler may need.

    Attributes:
        installation: UUID of the database.
        model: name of the model in use.
        embedding_key: identifies embeddings made by the model in use.
        blob_lock: held while blobs and the rows that point to them change together.
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    encoder: EmbeddingService
    events: Events
    installation: str
    model: str
    embedding_key: EmbeddingKey
    blob_lock: threading.Lock = field(default_factory=threading.Lock)


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast(Services, current_app.extensions[EXTENSION])
