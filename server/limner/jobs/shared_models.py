"""Models and detectors go where they are needed: what one machine has, all that share the database and blobs get.

What is trained, fetched or added on a machine lies in its home. Beside the blobs lies a copy, by kind, name and the
hash of the weights: ``models/KIND/NAME/SHA256/FILE``, the card last, by which the copy is known to be whole. Each
machine copies what it has there, and fetches what it has not. What is in a home is never replaced or removed: of two
models of one name each machine keeps its own, and one that has none fetches the newest, whose card was written last.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from limner.atomic import new_folder, remove_leftovers, write_file
from limner.blobs import BlobStore
from limner.errors import InvalidInput, LimnerError, MissingWeights, ModelError, WrongWeights
from limner.jobs.periodic import Periodic
from limner.models.catalogue import (
    CARD_FILE,
    WEIGHTS_FILE,
    ModelCard,
    look_through,
    model_folder,
    read_card,
    sha256_of,
)
from limner.models.detectors import (
    DETECTOR_CARD,
    DETECTOR_GRAPH,
    DetectorCard,
    detector_folder,
    look_through_detectors,
    read_detector_card,
)

EVERY = 10.0  # s
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0  # s; for a copy that could not be had, twice as long each time
DAMAGED_PAUSE = 86_400.0  # s; somebody has to do something about it
LEFTOVER_SECONDS = 86_400  # nobody fills one folder for as long
ROOT = "models"  # of the blobs

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Kind:
    """What its copies consist of; the card, which is last, says what they are."""

    name: str
    files: tuple[str, ...]


MODEL = _Kind("model", (WEIGHTS_FILE, CARD_FILE))
DETECTOR = _Kind("detector", (WEIGHTS_FILE, DETECTOR_GRAPH, DETECTOR_CARD))
KINDS = {kind.name: kind for kind in (MODEL, DETECTOR)}


@dataclass(frozen=True)
class _Copy:
    """A model or detector, named as a copy of it is."""

    kind: str
    name: str
    weights_sha256: str

    def key(self, file: str) -> str:
        return f"{ROOT}/{self.kind}/{self.name}/{self.weights_sha256}/{file}"

    @property
    def card_key(self) -> str:
        return self.key(KINDS[self.kind].files[-1])


@dataclass(frozen=True)
class _SetAside:
    """That a copy could not be given or fetched.

    Attributes:
        pause: seconds that it is left alone.
        until: by the clock.
        written: when the copy among the blobs was; None: there was none.
    """

    pause: float
    until: float
    written: datetime | None


class ModelExchange:
    """Exchanges the models and detectors of a home, once in a while.

    One that cannot be given or fetched does not keep the others waiting: it is named in the log once, and tried again
    after pauses that grow.

    Args:
        home: Limner's folder on this machine.
        blobs: which all machines share.
        clock: seconds; only differences count.
    """

    def __init__(self, home: Path, blobs: BlobStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._blobs = blobs
        self._clock = clock
        self._set_aside: dict[_Copy, _SetAside] = {}
        self._unreadable: set[str] = set()  # what is wrong with cards: said once
        self._periodic = Periodic("model-exchange", self.exchange)

    def start(self) -> None:
        """Start; the first time is now."""
        self._periodic.start(EVERY, at_once=True)

    def stop(self) -> None:
        """End after what is being copied."""
        self._periodic.stop()

    def exchange(self) -> None:
        """Copy what only this machine has, and fetch what only others have.

        Raises:
            Unavailable: the blobs cannot be reached.
        """
        for folder in (model_folder, detector_folder):
            remove_leftovers(folder(self._home, "any").parent, LEFTOVER_SECONDS, below=False)
        shared, own = self._shared(), dict(self._own())
        for copy in self._due(own.keys() - shared.keys(), shared):
            with self._setting_aside(copy, None):
                self._give(copy, own[copy])
        for copy in self._due(_newest(shared) - own.keys(), shared):
            with self._setting_aside(copy, shared[copy]):
                self._fetch(copy)

    def offer(self, name: str) -> None:
        """Have machines that have no model of this name fetch the one that is here, in place of what was shared before.

        Raises:
            MissingWeights: there is none here.
            ModelError: its files are damaged.
            StorageFull, Unavailable: the blobs take nothing.
        """
        for copy, folder in self._own():
            if (copy.kind, copy.name) == (MODEL.name, name):
                self._give(copy, folder, replace=True)
                return
        raise MissingWeights(f"No model called {name} is installed here.", hint="Run: limner models list")

    def _due(self, copies: Set[_Copy], shared: Mapping[_Copy, datetime]) -> Iterator[_Copy]:
        """Those whose turn it is, in an order that is always the same; what is written anew need not wait."""
        for copy in sorted(copies, key=lambda copy: copy.card_key):
            aside = self._set_aside.get(copy)
            if aside is None or aside.until <= self._clock() or aside.written != shared.get(copy):
                yield copy

    @contextmanager
    def _setting_aside(self, copy: _Copy, written: datetime | None) -> Iterator[None]:
        """Have a copy wait if the block cannot give or fetch it."""
        try:
            yield
        except (LimnerError, OSError) as error:
            before = self._set_aside.get(copy)
            if isinstance(error, ModelError | InvalidInput) and not isinstance(error, MissingWeights):
                pause = DAMAGED_PAUSE
            else:
                pause = FIRST_PAUSE if before is None else min(2 * before.pause, LONGEST_PAUSE)
            self._set_aside[copy] = _SetAside(pause, self._clock() + pause, written)
            if before is None:
                logger.error("a model cannot be exchanged", kind=copy.kind, model=copy.name, error=str(error))
        else:
            self._set_aside.pop(copy, None)

    def _shared(self) -> dict[_Copy, datetime]:
        """What is whole among the blobs, and when its card was written."""
        files: dict[_Copy, dict[str, datetime]] = defaultdict(dict)
        for key, written in self._blobs.times(ROOT):
            match key.split("/"):
                case [_, kind, name, sha256, file] if kind in KINDS:
                    files[_Copy(kind, name, sha256)][file] = written
        return {
            copy: found[KINDS[copy.kind].files[-1]]
            for copy, found in files.items()
            if found.keys() >= set(KINDS[copy.kind].files)
        }

    def _own(self) -> Iterator[tuple[_Copy, Path]]:
        models, unreadable_models = look_through(self._home)
        detectors, unreadable_detectors = look_through_detectors(self._home)
        for problem in (*unreadable_models, *unreadable_detectors):
            if str(problem) not in self._unreadable:
                self._unreadable.add(str(problem))
                logger.error("a card cannot be read", error=str(problem))
        for model in models:
            if not model.bundled:
                yield _Copy(MODEL.name, model.name, model.card.weights_sha256), model.weights.parent
        for detector in detectors:
            if not detector.bundled:
                yield _Copy(DETECTOR.name, detector.name, detector.card.weights_sha256), detector.folder

    def _give(self, copy: _Copy, folder: Path, *, replace: bool = False) -> None:
        _check(copy, folder)
        for file in KINDS[copy.kind].files:
            self._blobs.put(copy.key(file), folder / file, replace=replace)
        logger.info("a model is there for other machines", kind=copy.kind, model=copy.name)

    def _fetch(self, copy: _Copy) -> None:
        place = model_folder if copy.kind == MODEL.name else detector_folder
        folder = place(self._home, copy.name)
        if folder.exists():  # other weights under this name
            return
        with new_folder(folder, keep=lambda: True) as fresh:
            for file in KINDS[copy.kind].files:
                write_file(fresh / file, self._blobs.open(copy.key(file)).chunks())
            _check(copy, fresh)
        logger.info("a model came from another machine", kind=copy.kind, model=copy.name)


def _newest(shared: Mapping[_Copy, datetime]) -> set[_Copy]:
    """Of each name the copy that was written last; of several in one second, which S3 cannot tell apart, always one."""
    newest: dict[tuple[str, str], _Copy] = {}
    for copy in sorted(shared, key=lambda copy: (shared[copy], copy.weights_sha256)):
        newest[copy.kind, copy.name] = copy
    return set(newest.values())


def _check(copy: _Copy, folder: Path) -> None:
    """Make sure that what lies in a folder is what the copy's name says.

    Raises:
        ModelError: it is not, or its card cannot be read.
    """
    card: ModelCard | DetectorCard
    if copy.kind == MODEL.name:
        card, hashes = read_card(folder), {}
    else:
        card = read_detector_card(folder)
        hashes = {DETECTOR_GRAPH: card.graph_sha256}
    hashes[WEIGHTS_FILE] = copy.weights_sha256
    is_named = (card.name, card.weights_sha256) == (copy.name, copy.weights_sha256)
    if not is_named or any(sha256_of(folder / file) != sha256 for file, sha256 in hashes.items()):
        raise WrongWeights(
            f"The files of the {copy.kind} {copy.name} are not those that its card names.",
            hint=f"Install it again; or remove {ROOT}/{copy.kind}/{copy.name} among the blobs, if it came from there.",
        )
