"""The training run: steps, checkpoints, log, validation, and an orderly stop."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from limner.errors import InvalidFile, LimnerError, ModelError
from limner.sam.model import PromptableModel
from limner.train.batches import Batch, BatchDataset, step_size
from limner.train.config import TrainConfig
from limner.train.evaluation import ModelSubject, Protocol, evaluate_photos, first_of_each_source, held_out_scenes
from limner.train.near_copies import held_out_without_copies
from limner.train.parallel import Group, joined_group
from limner.train.photos import Photo, find_photos
from limner.train.projects import with_projects
from limner.train.simulation import Metrics, train_on_batch
from limner.train.state import TrainingState, new_samlet, save_weights
from limner.train.stopping import StopRequest

CHECKPOINT, WEIGHTS, LOG = "checkpoint.pt", "weights.safetensors", "log.jsonl"
_ROUNDS = 12  # stream of random numbers for clicks and rounds


class Diverged(ModelError):
    """A loss or gradient was no number."""

    code = "training_diverged"


@dataclass(frozen=True)
class Task:
    """What a run learns from, how it is measured, and what it leaves.

    Attributes:
        batches: by step number.
        held_out: photos to validate on; may be none. Asked for each time it is validated.
        write: the averaged model, the file to write its weights to, and the steps done.
        subject: what answers in validation.
        moving_statistics: whether batch norms follow the batches; a model that is fine-tuned keeps its own.
        validate_ends: whether to validate before the first step and after the last, too.
        told: called after each step, with the number of steps done and the sum of the last one's losses.
    """

    batches: Dataset[Batch]
    held_out: Callable[[], Sequence[Photo]]
    write: Callable[[PromptableModel, Path, int], None]
    subject: Callable[[PromptableModel], ModelSubject] = ModelSubject
    moving_statistics: bool = True
    validate_ends: bool = False
    told: Callable[[int, float], object] = lambda step, loss: None


def train(config: TrainConfig, resume: bool = False) -> Path:
    """Train Samlet until the schedule's last step, its time limit or a signal; returns the weights file.

    Raises:
        InvalidFile: for data or a checkpoint that cannot be used, or a run that would overwrite another.
        Diverged: when a loss is no number; the checkpoint of the last good state stays.
    """
    torch.set_num_threads(config.run.threads)
    stop = StopRequest()
    with stop.listening(), joined_group(config.run.device) as group:
        config = with_projects(config, group)
        rates = {"encoder.backbone.": config.pretrained.rate}
        state = TrainingState(*new_samlet(config, group.device), config.schedule, rates=rates, saves_frozen=True)
        held_out = measured_photos(config) if group.leads else list[Photo]
        dataset = BatchDataset(config, group.rank, group.processes)
        moving = config.schedule.moving_statistics
        run(config, Task(dataset, held_out, _write_samlet, moving_statistics=moving), state, group, resume, stop)
    return config.run.output / WEIGHTS


def measured_photos(config: TrainConfig) -> Callable[[], Sequence[Photo]]:
    """What a run is validated on: its held-out photos, without near-copies, and all photos of sources left out.

    Near-copies are looked for when the photos are first asked for: that means to read every photo.

    Raises:
        InvalidFile: when a source that is left out is in no folder; and when asked, if a photo cannot be read.
    """
    photos = find_photos(config.photos.folders) if config.photos else []
    sources = config.validation.leave_out
    left_out = [photo for photo in photos if photo.source in sources]
    absent = set(sources) - {photo.source for photo in left_out}
    if absent:
        known = ", ".join(sorted({photo.source for photo in photos})) or "none"
        raise InvalidFile(f"There are no photos of {min(absent)!r} to leave out.", hint=f"Sources: {known}.")

    @functools.cache
    def measured() -> Sequence[Photo]:
        return [*left_out, *held_out_without_copies([photo for photo in photos if photo.source not in sources])]

    return measured


def run(
    config: TrainConfig,
    task: Task,
    state: TrainingState,
    group: Group,
    resume: bool,
    stop: StopRequest | None = None,
) -> None:
    """From the first step or the checkpoint on, until the last, a limit or a signal; leaves a checkpoint and weights.

    Also when data cannot be read any more: what was learned until then is kept. `stop` is of a caller that has listened
    for signals since before.

    Raises:
        InvalidFile: when there is no checkpoint to resume from, or one that would be overwritten; or for data.
        Diverged: when a loss is no number.
    """
    output = config.run.output
    output.mkdir(parents=True, exist_ok=True)
    group.wait()
    checkpoint = output / CHECKPOINT
    if resume:
        state.load(checkpoint)
    elif checkpoint.exists():
        raise InvalidFile(f"{output} holds a run already.", hint="Add --resume, or name another output.")
    group.wait()
    stop, log = stop or StopRequest(), _Log(output / LOG if group.leads else None)
    with stop.listening(), log:
        if task.validate_ends and state.step == 0 and group.leads:
            log.note(0, _validate(config, task, state))
        try:
            _steps(config, task, state, group, stop, log)
        except InvalidFile:
            if group.leads:
                _save(task, state, output)
            raise
        if group.leads:
            _save(task, state, output)
            if task.validate_ends and not stop.received:
                log.note(state.step, _validate(config, task, state))
    group.wait()


def _steps(config: TrainConfig, task: Task, state: TrainingState, group: Group, stop: StopRequest, log: _Log) -> None:
    schedule, seconds_before = config.schedule, state.seconds
    started = time.monotonic()
    batches = iter(_loader(config, task, group, first_step=state.step))
    progress = tqdm(total=schedule.steps, initial=state.step, disable=not group.leads, mininterval=5, unit="step")
    with progress, _ended(batches):
        while state.step < schedule.steps:
            now = time.monotonic() - started
            state.seconds = seconds_before + now
            late = schedule.minutes is not None and now > 60 * schedule.minutes
            if group.any(stop.received or late or schedule.is_over(state.step, state.seconds)):
                break
            asked = time.monotonic()
            batch = next(batches)
            if isinstance(batch, LimnerError):
                raise batch
            waited = time.monotonic() - asked
            metrics = _step(config, task, state, group, batch)
            metrics["waited"] = waited
            metrics["images"] = float(step_size(config, state.step - 1).images * group.processes)
            log.add(metrics)
            progress.update()
            task.told(state.step, sum(value for name, value in metrics.items() if name.startswith("loss")))
            if state.step % schedule.log_every == 0:
                progress.set_postfix(log.write(state.step))
            if state.step % schedule.checkpoint_every == 0 and group.leads:
                _save(task, state, config.run.output)
            if state.step % schedule.validate_every == 0:
                if group.leads:
                    log.note(state.step, _validate(config, task, state))
                group.wait()


def _step(config: TrainConfig, task: Task, state: TrainingState, group: Group, batch: Batch) -> Metrics:
    """One step of the optimiser."""
    rate = state.set_learning_rate(config.schedule)
    rng = np.random.default_rng([config.run.seed, _ROUNDS, group.rank, state.step])
    state.model.train(task.moving_statistics)
    on_device = batch.to(group.device)
    metrics = train_on_batch(state.model, state.heads, on_device, rng, config.prompts.schedule)
    group.average_gradients(state.parameters())
    norm = float(nn.utils.clip_grad_norm_(state.parameters(), config.schedule.clip_gradient))
    losses = [value for name, value in metrics.items() if name.startswith("loss")]
    if group.any(not all(math.isfinite(value) for value in [*losses, norm])):
        raise Diverged(
            f"In step {state.step} a loss or gradient is no number: {metrics}.",
            hint=f"{config.run.output / CHECKPOINT} is the last good state; resume with a lower learning rate.",
        )
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.finish_step(config.schedule.average)
    return metrics | {"learning_rate": rate, "gradient_norm": norm}


def _save(task: Task, state: TrainingState, output: Path) -> None:
    """The checkpoint to resume from, and the averaged weights to use."""
    state.save(output / CHECKPOINT)
    task.write(state.average, output / WEIGHTS, state.step)


def _write_samlet(model: PromptableModel, path: Path, steps: int) -> None:
    save_weights(model, path, {"format": "limner-weights-1", "family": "samlet", "steps": str(steps)})


class _Told(Dataset[Batch | LimnerError]):
    """Batches, or what is wrong with the data: raised in a data process, an error would arrive as a traceback."""

    def __init__(self, batches: Dataset[Batch]):
        self._batches = batches

    def __getitem__(self, step: int) -> Batch | LimnerError:
        try:
            return self._batches[step]
        except LimnerError as error:
            return error


def _loader(config: TrainConfig, task: Task, group: Group, first_step: int) -> DataLoader[Batch | LimnerError]:
    workers = config.run.workers
    cv2.setNumThreads(1)  # data processes are forks: they would wait forever for OpenCV's threads, which no fork has
    return DataLoader(
        _Told(task.batches),
        batch_size=None,
        sampler=range(first_step, config.schedule.steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=group.device.type == "cuda",
        worker_init_fn=_single_thread,
    )


@contextlib.contextmanager
def _ended(batches: Iterator[Batch | LimnerError]) -> Iterator[None]:
    """Data processes end with the block.

    They leave signals to this process. After an error whose traceback holds the iterator, it would wait for them for
    ever when it ends. Torch has no public name for this.
    """
    try:
        yield
    finally:
        getattr(batches, "_shutdown_workers", lambda: None)()


def _single_thread(worker: int) -> None:
    """A data process must not compete with training for the cores, nor stop before it does."""
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _validate(config: TrainConfig, task: Task, state: TrainingState) -> dict[str, object]:
    """Measure the averaged weights on some of the held-out photos and, in a run with scenes, on scenes of their own."""
    choice = config.validation
    subject = task.subject(state.average)
    protocol = Protocol(clicks=choice.clicks, box=True, masks_per_image=choice.masks_per_image)
    figures: dict[str, object] = {}
    photos = first_of_each_source(task.held_out(), choice.images_per_source)
    if photos:
        report = evaluate_photos(subject, photos, protocol, progress=True)
        figures["miou"] = report.miou
        figures["masks"] = sum(source.masks for source in report.sources.values())
        figures["sources"] = {name: source.miou for name, source in report.sources.items()}
    if config.scenes is not None and choice.scenes:
        scenes = held_out_scenes(choice.scenes, config.model.image_size)
        figures["miou_scenes"] = evaluate_photos(subject, scenes, protocol).miou
    return figures


class _Log:
    """JSON lines: the mean of each figure since the last line."""

    def __init__(self, path: Path | None):
        self._file = path.open("a", encoding="utf-8") if path else None
        self._values: dict[str, list[float]] = {}
        self._since = time.monotonic()

    def add(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            self._values.setdefault(name, []).append(value)

    def write(self, step: int) -> dict[str, float]:
        """Write and forget what was added; returns a few figures for the eye."""
        seconds = time.monotonic() - self._since
        waiting = float(np.sum(self._values.pop("waited", [0.0]))) / seconds  # share of the time without a batch
        means = {name: float(np.mean(values)) for name, values in self._values.items()}
        images_per_second = float(np.sum(self._values.get("images", [0.0]))) / seconds
        speed = {"images_per_second": images_per_second, "waiting_for_data": round(waiting, 4)}
        self.note(step, {name: round(value, 6) for name, value in means.items()} | speed)
        self._values, self._since = {}, time.monotonic()
        return {name: round(value, 3) for name, value in means.items() if name.startswith("iou")}

    def note(self, step: int, figures: dict[str, object] | dict[str, float]) -> None:
        if self._file is not None and figures:
            self._file.write(json.dumps({"step": step, **_clocks(), **figures}) + "\n")
            self._file.flush()

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()


def _clocks() -> dict[str, float]:
    """Seconds: since 1970, and of computing by this process, without its data processes."""
    return {"time": round(time.time(), 1), "cpu": round(time.process_time(), 1)}
