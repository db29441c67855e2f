"""The encoder as web processes have it that share one: asked, and heard of, through PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.encoding.backlog import Priority
from limner.encoding.ports import JobNews
from limner.encoding.states import EmbeddingState, EncodingStatus, ProcessStatus, QueueStatus, Target
from limner.encoding.stored import embedding_size
from limner.errors import ModelError
from limner.jobs import asked
from limner.models.in_use import Models
from limner.models.manifest import PREPROCESSING_VERSION, Manifest, graph_file, graphs_folder
from limner.store import Database
from limner.store.encoders import living_encoders
from limner.vocabulary.states import EncoderStateName

FIRST_REPORT = 60.0  # s, that a fresh process waits for an encoder before it says that there is none
BEST_FIRST: tuple[EncoderStateName, ...] = ("ready", "starting", "failed")

logger = structlog.get_logger(__name__)
_STATUS = TypeAdapter(EncodingStatus)


class SharedEncoder:
    """Implements :class:`limner.encoding.ports.Encoder` without a process of its own: nothing is kept here.

    Args:
        settings: name the home, where an encoder of this machine exports the graphs.
        database: on PostgreSQL.
        blobs: where embeddings lie.
        models: those that are installed.
    """

    def __init__(self, settings: Settings, database: Database, blobs: BlobStore, models: Models) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._models = models
        self._asked: set[str] = set()  # models whose graphs this process has asked for
        self._started = time.monotonic()

    @property
    def model_sha256(self) -> str:
        """Of the weights that the installation uses."""
        return self._models.default.card.weights_sha256

    def start(self) -> None:
        """Nothing: those who encode are started elsewhere."""

    def stop(self) -> None:
        """Nothing."""

    def request(self, target: Target, priority: Priority) -> EmbeddingState:
        """Ask for an embedding, or raise the priority of one that waits. The newest ``look`` comes first."""
        known = self._state(target)
        if known is None and self._is_done(target):
            return EmbeddingState("ready")
        if known is None or known.state in ("waiting", "failed"):
            with self._database.write() as session:
                asked.ask(session, target, priority)
            known = self._state(target)
        if known is not None and known.state == "waiting":
            with self._database.read() as session:
                known = EmbeddingState("waiting", asked.position_of(session, target))
        return known or EmbeddingState("ready")

    def queued(self, targets: Collection[Target]) -> Mapping[Target, EmbeddingState]:
        """Where those of these targets stand that were asked for and are not done. Looks into no blob store."""
        if not targets:
            return {}
        with self._database.read() as session:
            return asked.states_of(session, targets)

    def state(self, target: Target) -> EmbeddingState:
        """Where a target stands, by its blob; asks for nothing."""
        return self._state(target) or EmbeddingState("ready" if self._is_done(target) else "none")

    def cancel(self, image_sha256: str) -> None:
        """Forget that an image, or regions of it, were asked for, when they still wait."""
        with self._database.write() as session:
            asked.withdraw(session, image_sha256)

    def look_again(self) -> None:
        """Jobs were started, paused, resumed or cancelled: have those who encode act on it now."""
        with self._database.write() as session:
            asked.tell(session, JobNews("jobs"))

    def on_job_news(self, news: JobNews) -> None:
        """Nothing: it is for those who encode."""

    def status(self) -> EncodingStatus:
        """The best of all encoders that are alive, what waits in the table, and what all of them have done."""
        with self._database.read() as session:
            rows = living_encoders(session)
            waiting, running, key = asked.count_open(session)
        all_of_them = [status for row in rows if (status := _read(row.status)) is not None]
        same_model = [each for each in all_of_them if each.model_sha256 == self.model_sha256] or all_of_them
        ordered = sorted(same_model, key=lambda each: BEST_FIRST.index(each.encoder.state))
        best = ordered[0] if ordered else self._nobody()
        return EncodingStatus(
            device=best.device,
            model=self._settings.model,
            model_sha256=self.model_sha256,
            encoder=best.encoder,
            queue=QueueStatus(
                waiting=waiting,
                running=running,
                done=sum(each.queue.done for each in all_of_them),
                failed=sum(each.queue.failed for each in all_of_them),
                encoding_image_sha256=None if key is None else key.partition(":")[0],
                seconds_per_image=best.queue.seconds_per_image,
            ),
        )

    def trouble(self) -> str | None:
        """Why nothing is being encoded; None as long as an encoder runs or starts."""
        process = self.status().encoder
        return process.message if process.state == "failed" else None

    def manifest(self, model_sha256: str) -> Manifest | None:
        """A model's manifest; None until an encoder is ready, which has seen to it that the graphs are there. Those of
        other models than the installation's are asked for.
        """
        if self.status().encoder.state != "ready":
            return None
        if model_sha256 != self.model_sha256 and model_sha256 not in self._asked:
            with self._database.write() as session:
                asked.tell(session, JobNews("prepare", model_sha256))
        try:
            manifest = Manifest.read(graphs_folder(self._settings.home, model_sha256))
        except ModelError as error:
            logger.info("the model's graphs are not in this home yet", error=str(error))
            return None
        self._asked.add(model_sha256)  # until they are there it is asked again
        return manifest

    def graph_path(self, model_sha256: str, name: str) -> Path:
        """The file of a model's graph ``prepare`` or ``decode``.

        Raises:
            NotFound: for any other name.
            Unavailable: while the graphs are being exported.
        """
        return graph_file(self._settings.home, self.manifest(model_sha256), name)

    def _state(self, target: Target) -> EmbeddingState | None:
        with self._database.read() as session:
            return asked.states_of(session, [target]).get(target)

    def _is_done(self, target: Target) -> bool:
        key = embedding_key(target.image_sha256, target.model_sha256, PREPROCESSING_VERSION, region=target.region)
        return embedding_size(self._blobs, key) is not None

    def _nobody(self) -> EncodingStatus:
        """What is said while no encoder is heard of."""
        late = time.monotonic() - self._started > FIRST_REPORT
        process = (
            ProcessStatus("failed", "No encoder is running. Start one with `limner worker`.", None)
            if late
            else ProcessStatus("starting", "", None)
        )
        device = self._settings.device.replace("auto", "cpu")
        queue = QueueStatus(0, 0, 0, 0, None, None)
        return EncodingStatus(device, self._settings.model, self.model_sha256, process, queue)


def _read(status: object) -> EncodingStatus | None:
    try:
        return _STATUS.validate_python(status)
    except ValidationError as error:
        logger.warning("an encoder of another version", error=str(error))
        return None
