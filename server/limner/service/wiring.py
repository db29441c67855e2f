"""Where the parts of a running Limner are put together, each once and complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limner.blobs import BlobStore
from limner.config import Settings, make_home
from limner.encoding.service import WORKER, EmbeddingService
from limner.jobs.encoding import EncodingQueue, new_holder
from limner.jobs.sweep import Sweeper
from limner.jobs.telling import EncoderNews
from limner.models import catalogue
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.events import Events, InMemoryEvents
from limner.service.postgres_events import PostgresEvents
from limner.store import Database
from limner.store.accounts import ensure_local_admin
from limner.store.embeddings import EmbeddingKey
from limner.store.engine import is_sqlite_url
from limner.store.installation import installation_id
from limner.store.migrate import migrate


@dataclass(frozen=True)
class Services:
    """Everything that the functions of this package, and what calls them, may need.

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


def open_services(settings: Settings, encoder_command: Sequence[str] = WORKER) -> Services:
    """Open the database (bringing it up to date) and the blobs, and prepare the encoder without starting it.

    Args:
        settings: where and what.
        encoder_command: starts the encoder's process.

    Raises:
        MissingWeights: the model is not installed.
    """
    make_home(settings.home)
    model = catalogue.find_model(settings.model, settings.home)
    key = EmbeddingKey(model.card.weights_sha256, PREPROCESSING_VERSION)
    database, pages = open_events(settings.resolved_database_url)
    migrate(database)
    with database.write() as transaction:
        ensure_local_admin(transaction)
        installation = installation_id(transaction)
    blobs = BlobStore(settings.resolved_blob_url)
    holder = new_holder()
    encoder = EmbeddingService(
        settings,
        blobs,
        EncodingQueue(database, key, holder),
        [EncoderNews(database, pages.publish)],
        command=encoder_command,
    )
    return Services(
        settings=settings,
        database=database,
        blobs=blobs,
        encoder=encoder,
        sweeper=Sweeper(database, blobs, holder),
        events=pages,
        installation=installation,
        model=model.name,
        embedding_key=key,
    )


def open_events(url: str) -> tuple[Database, Events]:
    """A database and what brings its events to pages; on PostgreSQL to those of all processes.

    Raises:
        InvalidInput: the URL is none.
    """
    if is_sqlite_url(url):
        local = InMemoryEvents()
        return Database(url, on_commit=local.publish), local
    database = Database(url)
    return database, PostgresEvents(database)
