"""The process that trains: ``python -m limner.workers.learn``, started for one run by ``limner.learning.runner``.

It runs at the lowest priority, reads its request from stdin and reports on stdout (``limner.learning.protocol``). What
it needs to go on lies in a folder of the home, so that it may be stopped or killed at any time. It saves and ends when
it is told to, or when stdin ends.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from limner.atomic import make_folder, write_file
from limner.blobs import BlobStore
from limner.config import Settings
from limner.errors import LimnerError
from limner.heads.detector import DetectorConfig
from limner.learning.protocol import GotOn, Learn, Learned, Report, Stop, Stopped, Unlearnable, parse_request
from limner.models.catalogue import WEIGHTS_FILE, ModelCard, find_model, model_folder
from limner.models.detectors import DetectorCategory, detector_folder, find_detector
from limner.models.in_use import Models
from limner.models.install import install_file
from limner.models.registry import load_model, model_config
from limner.sam.model import PromptableModel
from limner.train.comparison import compare
from limner.train.config import Photos
from limner.train.detector.choosing import Choosing, Judgement, general_detector
from limner.train.detector.examples import Example
from limner.train.detector.training import Step
from limner.train.detector.writing import Origin, write_chosen
from limner.train.evaluation import ModelSubject, Protocol, measure
from limner.train.finetune.adapt import Adaptation
from limner.train.finetune.embeddings import CachedSubject, EmbeddingCache
from limner.train.finetune.settings import suggested_config
from limner.train.finetune.tuning import finetune
from limner.train.loop import CHECKPOINT
from limner.train.photos import find_photos
from limner.train.projects import ProjectObjects
from limner.vocabulary.learning import LearningProgress, Stage
from limner.workers.child_main import run_child
from limner.workers.detector_data import categories_to_tell, embedding_reader, with_embeddings
from limner.workers.learned_data import objects_of, photos_of

NICENESS = 19
MINUTES = 10.0  # of fine-tuning, when nobody says otherwise
MOST_STEPS = 1_000_000  # of a run that only time ends
CHECKPOINT_EVERY = 10  # steps: what is lost at most when the process is killed
MASKS = 6  # measured of each held-out image
REPORT_EVERY = 0.5  # s
ENCODED = "encoded.json"  # in the run's folder: which images had an embedding when it began
FOLDER = "learning"  # of the home, with a folder for each run that is not done

Say = Callable[[Report], None]


class LearningWorker:
    """Does one run.

    Args:
        settings: as the server has them.
        say: takes a report to the server.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings, self._say = settings, say
        self._blobs = BlobStore(settings.resolved_blob_url)
        self._stopping = threading.Event()
        self._last = 0.0
        self._threads = max(1, (os.cpu_count() or 1) // 2)  # the other half is for those who annotate meanwhile

    def serve(self, lines: Iterable[bytes]) -> None:
        """Do the run that the first line asks for; the others, or their end, stop it."""
        requests = iter(lines)
        request = parse_request(next(requests, b""))
        assert isinstance(request, Learn), "the first request says what to learn"
        threading.Thread(target=self._listen, args=(requests,), name="requests", daemon=True).start()
        torch.set_num_threads(self._threads)
        folder = self._settings.home / FOLDER / str(request.run_id)
        make_folder(folder, mode=0o700)
        try:
            self._tell(request, "preparing", 0, 0)
            learn = self._model if request.recipe.kind == "model" else self._detector
            answer = learn(request, folder)
        except (_StoppedError, KeyboardInterrupt):
            answer = Stopped(run_id=request.run_id)
        except LimnerError as error:
            answer = Unlearnable(run_id=request.run_id, message=str(error))
        if isinstance(answer, Learned):
            shutil.rmtree(folder)
        self._say(answer)

    def _listen(self, requests: Iterable[bytes]) -> None:
        for line in requests:
            if isinstance(parse_request(line), Stop):
                break
        self._stopping.set()
        os.kill(os.getpid(), signal.SIGTERM)  # training saves and ends; before and after it, this ends the process

    def _model(self, request: Learn, folder: Path) -> Report:
        """Adapt the project's model, compare it with the one before on held-out images, install it."""
        home, recipe = self._settings.home, request.recipe
        objects = objects_of(request, self._blobs, folder)
        photos = photos_of(objects, self._blobs, folder)
        parent = load_model(request.parent, home)
        _check_weights(request, parent.weights_sha256)
        minutes = recipe.minutes or (None if recipe.steps else MINUTES)
        config = suggested_config(
            parent.model.config,
            recipe.adapt,
            output=folder / "run",
            photos=Photos(share=1.0, folders=(photos,)),
            steps=recipe.steps or MOST_STEPS,
            minutes=minutes,
            threads=self._threads,
        )
        config = dataclasses.replace(
            config, schedule=dataclasses.replace(config.schedule, checkpoint_every=CHECKPOINT_EVERY)
        )
        began, first = time.monotonic(), 0

        def on_step(step: int, loss: float) -> None:
            nonlocal first
            first = first or step
            each = (time.monotonic() - began) / max(1, step - first + 1)
            left = 60 * minutes - (time.monotonic() - began) if minutes else each * (config.schedule.steps - step)
            self._tell(request, "training", step, recipe.steps or 0, loss, max(0.0, left))

        def on_encoded(done: int, total: int) -> None:
            nonlocal began
            began = time.monotonic()
            self._tell(request, "encoding", done, total)

        weights = finetune(
            parent.model,
            parent.weights_sha256,
            config,
            Adaptation(recipe.adapt, recipe.rank),
            resume=(folder / "run" / CHECKPOINT).is_file(),
            measures=False,
            on_encoded=on_encoded,
            on_step=on_step,
        )
        self._heed()
        self._tell(request, "measuring", 0, 0)
        figures = self._compared(request, photos, weights, config.run.output / "embeddings")
        figures |= {"images": len(objects.images), "masks": sum(len(each.masks) for each in objects.images)}
        card = find_model(request.parent, home).card
        if not (model_folder(home, request.result) / WEIGHTS_FILE).is_file():  # or it was installed just before a kill
            install_file(
                weights,
                home,
                name=request.result,
                family=card.family,
                title=f"{request.project}, run {request.run_id}",
                licence=card.licence,
                source=f"{card.name} ({card.weights_sha256}), snapshot {request.snapshot_sha256}",
                quality=figures,
            )
        installed = find_model(request.result, home).card
        return Learned(run_id=request.run_id, result_sha256=installed.weights_sha256, figures=figures)

    def _compared(self, request: Learn, photos: Path, weights: Path, embeddings: Path) -> dict[str, Any]:
        """Both models on the same held-out masks, with a paired bootstrap; nothing when no image is held out."""
        held_out = [photo for photo in find_photos([photos]) if photo.held_out]
        if not held_out:
            return {"better": None, "held_out": 0}
        protocol = Protocol(box=True, masks_per_image=MASKS)

        def subject(model: PromptableModel) -> ModelSubject:
            if request.recipe.adapt == "decoder":  # both have one encoder
                return CachedSubject(model, EmbeddingCache(embeddings, request.parent_sha256))
            return ModelSubject(model)

        results = []
        for which in (request.parent, str(weights)):
            self._heed()
            results.append(measure(subject(load_model(which, self._settings.home).model), held_out, protocol))
        comparison = compare(*results)
        figures = comparison.to_json() | {"measured": comparison.masks}
        return figures | {"better": comparison.second_is_better, "held_out": len(held_out)}

    def _detector(self, request: Learn, folder: Path) -> Report:
        """Train a detector on stored embeddings, and judge whether it is better than the general one."""
        home = self._settings.home
        objects = objects_of(request, self._blobs, folder)
        card = Models(home, find_model(request.parent, home)).find(request.parent).card
        _check_weights(request, card.weights_sha256)
        told = categories_to_tell(objects, None)
        examples = self._encoded(objects, card, told, folder)
        config = model_config(card.family)
        wanted = DetectorConfig(config.image_size, config.features, len(told) if len(told) > 1 else 0)
        first: Step | None = None

        def on_step(step: Step) -> None:
            nonlocal first
            first = first or step
            each = (time.monotonic() - began) / max(1, step.done - first.done)
            self._tell(request, "training", step.done, step.total, step.loss, each * (step.total - step.done))
            self._heed()

        choosing = Choosing(
            wanted,
            examples,
            embedding_reader(self._blobs, card),
            general_detector(home, card.weights_sha256),
            folder,
            steps=request.recipe.steps,
            checkpoint_every=CHECKPOINT_EVERY,
            on_step=on_step,
        )
        began = time.monotonic()
        chosen = choosing.run()
        self._heed()
        where = detector_folder(home, request.result)
        if not where.is_dir():
            origin = Origin(card.name, card.weights_sha256, request.project_id, request.project, told)
            write_chosen(chosen, where, origin)
        sha256 = find_detector(home, request.result).card.weights_sha256
        return Learned(run_id=request.run_id, result_sha256=sha256, figures=_figures(chosen.judgement, examples))

    def _encoded(
        self, objects: ProjectObjects, card: ModelCard, told: tuple[DetectorCategory, ...], folder: Path
    ) -> list[Example]:
        """The images that had an embedding when the run began."""
        kept = folder / ENCODED
        if kept.is_file():
            then = set(json.loads(kept.read_bytes()))
            objects = dataclasses.replace(objects, images=[each for each in objects.images if each.sha256 in then])
        examples = with_embeddings(objects, card, self._blobs, told)
        if not kept.is_file():
            write_file(kept, json.dumps([each.sha256 for each in examples]).encode())
        return examples

    def _tell(
        self,
        request: Learn,
        stage: Stage,
        step: int,
        steps: int,
        loss: float | None = None,
        remaining: float | None = None,
    ) -> None:
        now = time.monotonic()
        if now - self._last < REPORT_EVERY and step not in (0, 1, steps):
            return
        self._last = now
        progress = LearningProgress(stage=stage, step=step, steps=steps, loss=loss, remaining=remaining)
        self._say(GotOn(run_id=request.run_id, progress=progress))

    def _heed(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    """The run is to stop; what was done is saved."""


def _figures(judgement: Judgement | None, examples: Sequence[Example]) -> dict[str, Any]:
    """What is told of a detector: first the general one, second its own."""
    figures: dict[str, Any] = {"better": None, "held_out": 0}
    if judgement is not None:
        own = judgement.own
        figures |= {"by": judgement.by, "held_out": own.images, "measured": own.objects}
        figures |= {"second": dataclasses.asdict(own), "better": judgement.better}
        if judgement.general is not None:
            figures |= {"first_name": judgement.name, "first": dataclasses.asdict(judgement.general)}
    return figures | {"images": len(examples), "masks": sum(len(each.masks) for each in examples)}


def _check_weights(request: Learn, found: str) -> None:
    if found != request.parent_sha256:
        raise LimnerError(
            f"The model {request.parent} is another one than when the run began.", hint="Begin another run."
        )


def main() -> int:
    """Do one run."""
    return run_child(lambda settings, say: LearningWorker(settings, say).serve, NICENESS)


if __name__ == "__main__":
    sys.exit(main())
