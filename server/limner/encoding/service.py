"""The encoder as the web process has it: embeddings on request, from a process that a supervisor keeps running.

Torch is never imported here: it lives in the child (``limner.workers.encode``). An embedding is done when its blob
exists, so the encoder runs once per image, model and preprocessing, however often the server starts. What somebody
looks at comes straight from memory, and does not wait for a batch that is in hand where the child can encode something
beside it; bulk work is claimed from a queue, as many targets as the child encodes at once and the next ones, to be
decoded meanwhile. The child starts with the installation's model and loads others when a target
asks for them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import structlog

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.encoding.backlog import Priority
from limner.encoding.dispatch import Dispatcher
from limner.encoding.known_models import KnownModels
from limner.encoding.ports import BulkQueue, Claimed, JobNews, NoBulk, Subscriber
from limner.encoding.protocol import (
    Encode,
    Encoded,
    Failed,
    Loading,
    Prepare,
    Progress,
    Ready,
    Report,
    Unusable,
)
from limner.encoding.states import EmbeddingState, EncodingStatus, ProcessStatus, QueueStatus, Target
from limner.encoding.stored import embedding_size
from limner.encoding.supervisor import Supervisor
from limner.encoding.targets import Targets
from limner.errors import MissingWeights, ModelError, Unavailable, WrongWeights
from limner.models.catalogue import find_model
from limner.models.manifest import PREPROCESSING_VERSION, Manifest, graph_file
from limner.vocabulary.messages import Broken
from limner.vocabulary.states import EncoderStateName

WORKER = (sys.executable, "-m", "limner.workers.encode")
START_PATIENCE = 1800.0  # s without a word while the model is loaded, exported and compiled
SLOWEST = 20  # times the usual seconds for what is in hand, before it counts as hanging
CLAIM_ONE_BY_ONE = 4  # targets of bulk work for an encoder that takes one at a time: it would ask the queue too often

logger = structlog.get_logger(__name__)


class EmbeddingService:
    """Embeddings on request: an :class:`limner.encoding.ports.Encoder` with a process of its own.

    Args:
        settings: names the model to start with, the home and the device.
        blobs: where images lie and embeddings go; the child opens the same store from the settings.
        bulk: where bulk work is claimed, and where results are written down.
        subscribers: told what happens, in order, in a thread of the service.
        command: starts the child.
    """

    def __init__(
        self,
        settings: Settings,
        blobs: BlobStore,
        bulk: BulkQueue | None = None,
        subscribers: Sequence[Subscriber] = (),
        *,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._settings = settings
        self._blobs = blobs
        self._command = command
        self._dispatcher = Dispatcher(self, bulk or NoBulk(), subscribers)
        self._lock = threading.RLock()  # guards everything below
        self._targets = Targets(self._dispatcher.post)
        self._supervisor = Supervisor(self, command, settings.environment, self._lock)
        self._ready: Ready | None = None
        self._models = KnownModels(settings.home)
        self._looks_expected = False  # others look at something: it is asked for before more of what is held begins
        self._process_state: EncoderStateName = "starting"
        self._message = ""
        self._model_sha256: str | None = None
        self._find_model()

    def start(self) -> None:
        """Start the encoder's process; returns at once."""
        self._dispatcher.start()
        self._supervisor.start()

    def stop(self) -> None:
        """End the process and wait until it is gone. An image in hand is given up; it is encoded at the next start."""
        self._supervisor.stop()
        self._dispatcher.stop()

    def request(self, target: Target, priority: Priority) -> EmbeddingState:
        """Ask for an embedding, or raise the priority of one that waits. The newest ``look`` comes first.

        An image that has failed stays failed, unless the fault was not its own and some time has passed.
        """
        with self._lock:
            known = self._targets.state(target)
        if known is not None and known.state != "waiting":
            return known
        if known is None and self._is_done(target):
            return EmbeddingState("ready")
        with self._lock:
            self._targets.add(target, priority)
            self._feed()
            state = self._targets.state(target) or EmbeddingState("ready")
        self._dispatcher.wake()
        return state

    def queued(self, targets: Collection[Target]) -> Mapping[Target, EmbeddingState]:
        """Where those of these targets stand that were asked for and are not done. Looks into no blob store."""
        with self._lock:
            found = {target: self._targets.state(target) for target in targets}
        return {target: state for target, state in found.items() if state is not None}

    def state(self, target: Target) -> EmbeddingState:
        """Where a target stands, by its blob; asks for nothing."""
        return self.queued([target]).get(target) or EmbeddingState("ready" if self._is_done(target) else "none")

    def cancel(self, image_sha256: str) -> None:
        """Forget that an image, or regions of it, were asked for by any model, when they still wait."""
        with self._lock:
            self._targets.cancel(image_sha256)

    def look_again(self) -> None:
        """Jobs were started, paused, resumed or cancelled: act on it now rather than at the next heartbeat. Models that
        could not be used are tried again.
        """
        with self._lock:
            self._models.forget_troubles()
        self._dispatcher.wake(look_again=True)

    def on_job_news(self, news: JobNews) -> None:
        """Another process has asked for something through the queue, or changed jobs: act on it now."""
        if news.kind == "prepare":
            with suppress(Unavailable):  # who wants it asks again, and hears it from the queue's jobs
                self.manifest(news.model_sha256)
        elif news.kind == "jobs":
            self.look_again()
        else:
            self.expect_looks()
            self._dispatcher.wake()

    def status(self) -> EncodingStatus:
        """What people want to know about the encoder."""
        with self._lock:
            ready, counts, in_hand = self._ready, self._targets.counts, self._targets.in_hand
            return EncodingStatus(
                device=ready.device if ready else self._settings.device.replace("auto", "cpu"),
                model=self._settings.model,
                model_sha256=self._model_sha256,
                encoder=ProcessStatus(
                    state=self._process_state,
                    message=self._message,
                    threads=ready.threads if ready else self._settings.encoder_threads,
                ),
                queue=QueueStatus(
                    waiting=self._targets.waiting,
                    running=len(in_hand),
                    done=counts.done,
                    failed=counts.failed,
                    encoding_image_sha256=in_hand[0].image_sha256 if in_hand else None,
                    seconds_per_image=counts.seconds_per_image,
                ),
            )

    def trouble(self) -> str | None:
        """Why nothing is being encoded; None as long as the encoder runs or starts."""
        with self._lock:
            return self._message if self._process_state == "failed" else None

    @property
    def model_sha256(self) -> str:
        """Of the weights that the installation uses.

        Raises:
            MissingWeights: when the model is not installed.
        """
        if self._model_sha256 is None:
            raise MissingWeights(self._message)
        return self._model_sha256

    def manifest(self, model_sha256: str) -> Manifest | None:
        """A model's manifest; None until the child has loaded the model and seen to it that its graphs are there, which
        it is asked to do now.

        Raises:
            Unavailable: the model cannot be used; says why.
        """
        with self._lock:
            manifest = self._models.manifest(model_sha256)
            if manifest is None:
                if trouble := self._models.trouble(model_sha256):
                    raise Unavailable(trouble, hint="Choose another model for the project, or install this one again.")
                if self._ready is not None and self._models.ask(model_sha256):
                    self._supervisor.send(Prepare(model_sha256=model_sha256))
        return manifest

    def graph_path(self, model_sha256: str, name: str) -> Path:
        """The file of a model's graph ``prepare`` or ``decode``.

        Raises:
            NotFound: for any other name.
            Unavailable: while the graphs are being exported.
        """
        return graph_file(self._settings.home, self.manifest(model_sha256), name)

    # --- for the dispatcher -------------------------------------------------------------------------------------------

    def wanted(self) -> int:
        """How many more targets of bulk work it could hold: two batches wait, so that the second is decoded ahead."""
        with self._lock:
            if self._ready is None:
                return 0
            at_once = self._ready.batch_size if self._ready.batch_size > 1 else CLAIM_ONE_BY_ONE
            missing = 2 * at_once - self._targets.claimed_waiting
            return missing if missing >= at_once else 0

    def is_busy(self) -> bool:
        """Whether no batch can begin now. If one can, none does before :meth:`go_on`, or before something is held."""
        with self._lock:
            busy = not self._targets.may_take()
            if not busy:
                self._looks_expected = False  # what comes to be looked at from now on raises it again
            return busy

    def model_beside(self) -> str | None:
        """By which model something that somebody looks at could begin now, beside the batch in hand; None: by none."""
        with self._lock:
            model = self._model_in_hand()
            place = model is not None and self._models.takes_beside(model) and self._targets.may_take_beside()
            return model if place else None

    def expect_looks(self) -> None:
        """Have what others look at be claimed as soon as nothing is in hand, before more of what is held begins."""
        with self._lock:
            self._looks_expected = True

    def go_on(self) -> None:
        """What others look at was claimed: begin with what comes next, if nothing is in hand."""
        with self._lock:
            self._feed_on()

    def unusable(self) -> Mapping[str, str]:
        """Models that could not be used when they were tried last, by the hash of their weights, and why."""
        with self._lock:
            return self._models.troubles

    def hold(self, claimed: Sequence[Claimed]) -> None:
        """Take in bulk work that was claimed."""
        with self._lock:
            self._targets.hold(claimed)
            self._feed()

    def keep_only(self, held: frozenset[Target]) -> None:
        """Forget bulk work that waits but is no longer held."""
        with self._lock:
            self._targets.keep_only(held)

    def _is_done(self, target: Target) -> bool:
        key = embedding_key(target.image_sha256, target.model_sha256, PREPROCESSING_VERSION, region=target.region)
        return embedding_size(self._blobs, key) is not None

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _set_process_state(self, state: EncoderStateName, message: str) -> None:
        if (state, message) != (self._process_state, self._message):
            self._process_state, self._message = state, message
            logger.info("encoder", state=state, message=message)
            self._dispatcher.post_status()

    def _feed(self) -> None:
        """Give the child its next targets when it has none, and what somebody looks at beside those that it has."""
        if self._ready is None:
            return
        model = self._targets.next_model()
        at_once = self._ready.batch_size if model is None else self._models.batch_size(model, self._ready.batch_size)
        if targets := self._targets.take(at_once):
            # Who encodes one image at a time does so on the CPU, or has no memory to spare.
            following = self._targets.following(at_once) if at_once > 1 else []
            self._dispatcher.wake()
            self._supervisor.send(Encode(targets=targets, following=following))
        self._feed_beside()

    def _feed_on(self) -> None:
        """As :meth:`_feed`, but no batch begins before what others look at was claimed."""
        if self._looks_expected:
            self._feed_beside()
        else:
            self._feed()

    def _feed_beside(self) -> None:
        model = self._model_in_hand()
        if model is not None and self._models.takes_beside(model) and (look := self._targets.take_beside()):
            self._supervisor.send(Encode(targets=[look], beside=True))

    def _model_in_hand(self) -> str | None:
        batch = self._targets.batch
        return batch[0].model_sha256 if batch else None

    # --- for the supervisor, which holds the lock ---------------------------------------------------------------------

    def take(self, report: Report) -> None:
        """Act on what the child says."""
        beside = self._targets.beside
        match report:
            case Progress():
                self._set_process_state("starting", report.message)
            case Broken():
                self._set_process_state("failed", report.message)
            case Ready() if self._ready is None and report.model_sha256 != self._model_sha256:
                self._find_model()  # says that the weights were replaced between finding and loading them
                self._supervisor.restart()
            case Ready():
                self._models.ready(report)
                if report.model_sha256 == self._model_sha256:
                    self._ready = report
                self._set_process_state("ready", report.message)
            case Loading():
                self._models.loading = report.model_sha256
            case Unusable():
                self._give_up(report.model_sha256, report.message)
            case Encoded():
                self._targets.done(report.target, report.seconds, report.bytes, report.ended)
            case Failed():
                self._targets.fail(report.target, report.message, lasting=report.lasting)
        self._feed_on()
        if not self._targets.batch or self._targets.beside != beside:
            self._dispatcher.wake()  # a whole batch at a time is written down, and at once what somebody looks at

    def may_start(self) -> bool:
        """Whether the model is there and this machine can run it; says why not.

        Raises:
            ModelError: there is no torch.
        """
        if not self._find_model():
            return False
        if self._command == WORKER and find_spec("torch") is None:
            raise ModelError(
                "This machine has no torch, so it encodes no images.",
                hint="Install limner instead of limner-server, or limner-server[encoder], and start it again.",
            )
        return True

    def starting(self) -> None:
        """A process is about to be started."""
        if self._process_state != "starting":
            self._set_process_state("starting", "")

    def failed(self, message: str) -> None:
        """No process could be started."""
        self._set_process_state("failed", message)

    def is_failed(self) -> bool:
        """Whether it is no use to start again at once."""
        return self._process_state == "failed"

    def done(self) -> int:
        """How many targets were encoded since the service started."""
        return self._targets.counts.done

    def patience(self) -> float | None:
        """Seconds that the child may be silent now; None: for ever, it has nothing to do."""
        if self._ready is None or self._models.loading is not None:
            return START_PATIENCE
        in_hand = len(self._targets.in_hand)
        usual = (self._targets.counts.seconds_per_image or 0.0) * in_hand
        return max(self._settings.encoder_timeout, SLOWEST * usual) if in_hand else None

    def ended(self, cause: str | None) -> None:
        """The process is gone; another one goes on with what it had in hand, unless the service stops."""
        self._ready = None
        if cause is not None:
            self._restart_after(cause)
        self._targets.drop()

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _restart_after(self, cause: str) -> None:
        """The process is gone; another one goes on with what it had in hand."""
        if self._process_state != "failed":
            self._set_process_state("starting", f"The encoder process {cause}; starting it again.")
        model = self._models.restarted()
        if model is None:
            self._targets.crashed(cause)
        else:
            self._targets.give_back()
            if self._models.is_given_up(model):
                self._give_up(model, f"The encoder process {cause} while it loaded the model.")
        self._dispatcher.wake()

    def _give_up(self, model_sha256: str, message: str) -> None:
        """A model cannot be used; others go on."""
        logger.error("a model cannot be used", model_sha256=model_sha256, message=message)
        self._models.unusable(model_sha256, message)
        self._targets.fail_model(model_sha256, message)
        self._dispatcher.post_status()  # has jobs of this model stopped

    def _find_model(self) -> bool:
        """Whether there is a model to start the child with: the one that the server started with."""
        try:
            found = find_model(self._settings.model, self._settings.home).card.weights_sha256
            if self._model_sha256 not in (None, found):
                raise WrongWeights(
                    f"The weights of {self._settings.model} were replaced while the server ran.",
                    hint="Restart Limner to use them; embeddings of the old ones stay valid under their own key.",
                )
        except ModelError as error:
            with self._lock:
                self._set_process_state("failed", str(error))
            return False
        self._model_sha256 = found
        return True
