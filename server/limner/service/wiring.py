"""Where the parts of a running Limner are put together, each once and complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limner.blobs import BlobStore
from limner.config import Settings, make_home
from limner.encoding.ports import Encoder
from limner.encoding.service import WORKER, EmbeddingService
from limner.errors import InvalidInput, MissingWeights
from limner.formats.shards import ShardWriter
from limner.jobs.embedding_cap import EmbeddingCap
from limner.jobs.encoding import EncodingQueue, new_holder
from limner.jobs.model_pulls import WORKER as PULLING_WORKER
from limner.jobs.model_pulls import ModelPuller
from limner.jobs.shared_encoder import SharedEncoder
from limner.jobs.shared_models import ModelExchange
from limner.jobs.statistics import Counter
from limner.jobs.suggest import SuggestQueue
from limner.jobs.sweeper import Sweeper
from limner.jobs.telling import EncoderNews
from limner.jobs.webhooks import Deliverer
from limner.learning.runner import WORKER as LEARNING_WORKER
from limner.learning.runner import LearningRunner
from limner.models import catalogue
from limner.models.in_use import Models
from limner.oidc import RelyingParties, read_providers
from limner.service.events import Events, InMemoryEvents
from limner.service.postgres_events import PostgresEvents
from limner.store import Database
from limner.store.accounts import ensure_local_admin
from limner.store.engine import is_sqlite_url
from limner.store.installation import installation_id
from limner.store.migrate import migrate
from limner.suggesting.runner import WORKER as SUGGESTING_WORKER
from limner.suggesting.runner import SuggestionRunner
from limner.vocabulary.duties import ALL, Duty


@dataclass(frozen=True)
class Services:
    """Everything that the functions of this package, and what calls them, may need.

    Attributes:
        duties: what this process does in the background, once it is started.
        installation: UUID of the database.
        models: those that are installed, and which of them a project uses.
        suggester: makes suggestions, if that is its duty; elsewhere it only hears that there is something to do.
        learner: trains; likewise.
        puller: fetches models that somebody wants; likewise.
        exporter: writes parts of exports; likewise.
        model_exchange: has models go to other machines and come from them; None where there is no other, or another
            process of this one does it.
        sweeper: removes blobs that no row names; None where another process does.
        deliverer: delivers what webhooks are told; None where another process does.
        counter: keeps the sums of statistics up to date; None where another process does.
        embedding_cap: how much embeddings may take, and who needs one.
        sign_in_providers: with whom people sign in besides passwords and links.
    """

    settings: Settings
    duties: frozenset[Duty]
    database: Database
    blobs: BlobStore
    encoder: Encoder
    suggester: SuggestionRunner
    learner: LearningRunner
    puller: ModelPuller
    exporter: ShardWriter
    model_exchange: ModelExchange | None
    sweeper: Sweeper | None
    counter: Counter | None
    embedding_cap: EmbeddingCap
    deliverer: Deliverer | None
    events: Events
    installation: str
    models: Models
    sign_in_providers: RelyingParties


def open_services(
    settings: Settings,
    encoder_command: Sequence[str] = WORKER,
    suggest_command: Sequence[str] = SUGGESTING_WORKER,
    learn_command: Sequence[str] = LEARNING_WORKER,
    pull_command: Sequence[str] = PULLING_WORKER,
    *,
    holder: str | None = None,
    duties: frozenset[Duty] = ALL,
) -> Services:
    """Open the database (bringing it up to date) and the blobs, and prepare the encoder without starting it.

    Args:
        settings: where and what.
        encoder_command: starts the encoder's process.
        suggest_command: starts the process that makes suggestions, once some are asked for.
        learn_command: starts the process that trains, for each learning run.
        pull_command: starts the process that fetches a model.
        holder: the name under which this process holds work; by default one that nobody else has.
        duties: what this process does in the background; without ``looks`` and ``encoding`` it shares the encoders of
            others, which needs PostgreSQL.

    Raises:
        MissingWeights: the model is not installed.
        InvalidInput: nothing can be shared through this database.
        InvalidFile: the sign-in providers cannot be read.
    """
    encodes = not duties.isdisjoint(("looks", "encoding"))
    keeps_up = "upkeep" in duties
    if not encodes:
        require_shared_database(settings, "A process without an encoder")
    make_home(settings.home)
    blobs = BlobStore(settings.resolved_blob_url)
    models = Models(settings.home, _find_model(settings, blobs))
    database, pages = open_events(settings.resolved_database_url)
    migrate(database)
    with database.write() as transaction:
        ensure_local_admin(transaction)
        installation = installation_id(transaction)
    embedding_cap = EmbeddingCap(database, blobs, settings.max_embedding_bytes)
    holder = holder or new_holder()
    encoder: Encoder = (
        EmbeddingService(
            settings,
            blobs,
            EncodingQueue(database, models, holder, shared=not database.is_sqlite, reserved="encoding" not in duties),
            [EncoderNews(database, models, pages.publish)],
            command=encoder_command,
        )
        if encodes
        else SharedEncoder(settings, database, blobs, models)
    )
    return Services(
        settings=settings,
        duties=duties,
        database=database,
        blobs=blobs,
        encoder=encoder,
        suggester=SuggestionRunner(
            settings,
            SuggestQueue(database, holder),
            pages.publish,
            command=suggest_command,
        ),
        learner=LearningRunner(settings, database, pages.publish, holder, command=learn_command),
        puller=ModelPuller(settings, command=pull_command),
        exporter=ShardWriter(database, blobs, holder),
        model_exchange=ModelExchange(settings.home, blobs) if duties and not database.is_sqlite else None,
        counter=Counter(database) if keeps_up else None,
        sweeper=Sweeper(database, blobs, holder, embedding_cap) if keeps_up else None,
        embedding_cap=embedding_cap,
        deliverer=Deliverer(database, holder, private=settings.webhooks_to_private) if keeps_up else None,
        events=pages,
        installation=installation,
        models=models,
        sign_in_providers=RelyingParties(read_providers(settings.oidc_file, settings.default_oidc_file)),
    )


def _find_model(settings: Settings, blobs: BlobStore) -> catalogue.InstalledModel:
    """What the installation uses, fetched from among the blobs where only other machines have it.

    Raises:
        MissingWeights: it is not installed, and no other machine has it.
    """
    try:
        return catalogue.find_model(settings.model, settings.home)
    except MissingWeights:
        if is_sqlite_url(settings.resolved_database_url):
            raise
        ModelExchange(settings.home, blobs).exchange()
        return catalogue.find_model(settings.model, settings.home)


def offer_model(settings: Settings, name: str) -> None:
    """Have machines that share the installation and have no model of this name fetch the one that is on this machine.

    Raises:
        MissingWeights: there is none here.
        ModelError: its files are damaged.
        StorageFull, Unavailable: the blobs take nothing.
    """
    if not is_sqlite_url(settings.resolved_database_url):
        ModelExchange(settings.home, BlobStore(settings.resolved_blob_url)).offer(name)


def require_shared_database(settings: Settings, who: str) -> None:
    """Make sure that several processes can work on the database at once.

    Raises:
        InvalidInput: it is SQLite's, which has one writer and tells nobody of changes.
    """
    if is_sqlite_url(settings.resolved_database_url):
        raise InvalidInput(
            f"{who} needs PostgreSQL: SQLite serves one process.",
            hint="Set LIMNER_DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME.",
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
