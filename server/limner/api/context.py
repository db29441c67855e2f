"""What the handlers work with, hung on the application once when it is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from limner.blobs import BlobStore
from limner.config import Settings
from limner.encoding.service import EmbeddingService
from limner.jobs.sweep import Sweeper
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
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    encoder: EmbeddingService
    sweeper: Sweeper
    events: Events
    installation: str
    model: str
    embedding_key: EmbeddingKey


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast(Services, current_app.extensions[EXTENSION])
