"""The run: steps, checkpoints, an orderly stop.

All chance comes from the seed and the step's number, so that a run that was stopped and resumed ends with the weights
of one that was not.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.atomic import replacing
from limner.errors import InvalidFile
from limner.heads.detector import Detector, DetectorConfig
from limner.models.checkpoints import why_unreadable
from limner.train.detector.examples import Example, FeatureReader, Read, digest_of, statistics
from limner.train.detector.losses import losses
from limner.train.detector.targets import Targets, targets_of

FORMAT = "limner-detector-checkpoint-1"
CHECKPOINT_EVERY = 50  # steps
WARM_UP = 20  # steps in which the rate rises
BETAS = (0.9, 0.98)
FEWEST_STEPS, MOST_STEPS, ROUNDS = 200, 600, 12.0  # unless told otherwise: so many rounds of all images
FEWEST_TUNED = 120  # likewise, from weights that know something already


@dataclass(frozen=True)
class Plan:
    """How it is trained.

    Attributes:
        steps: in all.
        images: of a step.
        rate: of learning, at its peak; it ends at zero.
        weight_decay: of matrices.
        average: share of the weights' moving average that stays at each step; the average is what is kept.
        seed: of all chance.
    """

    steps: int
    images: int = 4
    rate: float = 2e-3
    weight_decay: float = 0.05
    average: float = 0.97
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """How far a run is: steps done of all, the last one's loss, seconds of the clock since the run began."""

    done: int
    total: int
    loss: float
    seconds: float


def usual_steps(images: int, *, tuned: bool = False) -> int:
    """How long to train on so many images; ``tuned``: from weights that know something already."""
    fewest = FEWEST_TUNED if tuned else FEWEST_STEPS
    return min(MOST_STEPS, max(fewest, math.ceil(ROUNDS * images / Plan(1).images)))


def train_detector(
    config: DetectorConfig,
    examples: Sequence[Example],
    read: Read,
    plan: Plan,
    *,
    start: Detector | None = None,
    until: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    checkpoint_every: int = CHECKPOINT_EVERY,
    on_step: Callable[[Step], object] = lambda step: None,
) -> tuple[Detector, float]:
    """Train a detector; returns it in evaluation mode, and the seconds that it took.

    Args:
        config: of the network.
        examples: to learn from; at least one.
        read: gives embeddings.
        plan: how.
        start: weights to begin with, of a network of this shape; random ones when None.
        until: the run pauses after this step of the plan, with a checkpoint from which it goes on.
        checkpoint: file from which the run can be resumed; written now and then, and when the run is stopped.
        resume: continue from the checkpoint.
        checkpoint_every: steps between two checkpoints.
        on_step: called after each step; raise in it to stop.

    Raises:
        InvalidFile: there is nothing to resume, or it belongs to another run.
        InvalidInput: an embedding is of another model.
    """
    reader = FeatureReader(read, config)
    run = _Run(config, plan, digest_of(examples), start)
    last = plan.steps if until is None else min(until, plan.steps)
    if resume:
        if checkpoint is None or not checkpoint.is_file():
            raise InvalidFile(f"There is no checkpoint {checkpoint or ''} to resume.", hint="Start without --resume.")
        run.load(checkpoint)
    elif start is None:
        run.detector.normalise_by(*statistics(reader, examples))
        run.average.load_state_dict(run.detector.state_dict())
    began = time.monotonic() - run.seconds
    while run.step < last:
        loss = run.advance(examples, reader)
        run.seconds = time.monotonic() - began
        ends = run.step == last
        pauses = ends and until is not None
        if checkpoint is not None and (pauses or (not ends and run.step % checkpoint_every == 0)):
            run.save(checkpoint)
        try:
            on_step(Step(run.step, plan.steps, loss, run.seconds))
        except BaseException:
            if checkpoint is not None:
                run.save(checkpoint)
            raise
    return run.average.eval(), run.seconds


class _Run:
    """Weights, their average and the optimiser at one step."""

    def __init__(self, config: DetectorConfig, plan: Plan, data: str, start: Detector | None = None) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.detector = Detector(config).train()
            self.average = Detector(config).requires_grad_(False)
        if start is not None:
            self.detector.load_state_dict(start.state_dict())
            self.average.load_state_dict(start.state_dict())
        self.plan, self.step, self.seconds = plan, 0, 0.0
        self._origin = {"config": repr(config), "plan": repr(asdict(plan)), "data": data}
        if start is not None:
            self._origin["start"] = digest_of_weights(start)
        matrices = [each for each in self.detector.parameters() if each.ndim > 1]
        others = [each for each in self.detector.parameters() if each.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=plan.rate,
            betas=BETAS,
        )

    def advance(self, examples: Sequence[Example], reader: FeatureReader) -> float:
        """One step; its loss."""
        plan = self.plan
        features, targets = _batch(self.detector.config, examples, reader, plan, self.step)
        progress = self.step / plan.steps
        rate = plan.rate * min(1.0, (self.step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = losses(self.detector(features), targets).total
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.detector.parameters(), 10.0)
        self._optimizer.step()
        self.step += 1
        stays = min(plan.average, self.step / (self.step + 10))  # its beginning is soon forgotten
        with torch.no_grad():
            for averaged, current in zip(self.average.parameters(), self.detector.parameters(), strict=True):
                averaged.lerp_(current, 1 - stays)
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint; a crash in between leaves the one before."""
        content = {"format": FORMAT, "origin": self._origin, "step": self.step, "seconds": self.seconds}
        content |= {"detector": self.detector.state_dict(), "average": self.average.state_dict()}
        with replacing(path) as partial:
            torch.save(content | {"optimizer": self._optimizer.state_dict()}, partial)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            InvalidFile: it is none, or one of another run.
        """
        try:
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises whatever the file's bytes lead it to
            raise InvalidFile(
                f"{path} is no checkpoint: {why_unreadable(path, error)}.", hint="Start without --resume."
            ) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InvalidFile(f"{path} is no checkpoint of a detector.", hint="Start without --resume.")
        differ = [name for name, value in self._origin.items() if content["origin"].get(name) != value]
        if differ:
            raise InvalidFile(
                f"{path} belongs to another run: its {' and '.join(differ)} {'is' if len(differ) == 1 else 'are'} "
                "different.",
                hint="Resume with the same options and unchanged masks, or start without --resume.",
            )
        self.detector.load_state_dict(content["detector"])
        self.average.load_state_dict(content["average"])
        self._optimizer.load_state_dict(content["optimizer"])
        self.step, self.seconds = int(content["step"]), float(content["seconds"])


def digest_of_weights(detector: Detector) -> str:
    """SHA-256 of all values of a network, in the order of their names there."""
    digest = hashlib.sha256()
    for value in detector.state_dict().values():
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def _batch(
    config: DetectorConfig, examples: Sequence[Example], reader: FeatureReader, plan: Plan, step: int
) -> tuple[dict[str, Tensor], list[Targets]]:
    """The images of a step, half of them mirrored. All images come before one comes again."""
    chosen, rng = _chosen(len(examples), plan, step)
    stacked: dict[str, list[Tensor]] = {spec.name: [] for spec in config.features}
    targets = []
    for index in chosen:
        example = examples[index]
        features = reader(example.sha256)
        boxes = example.boxes()
        if rng.random() < 0.5:
            features, boxes = _mirrored(features, boxes, example)
        for name, values in features.items():
            stacked[name].append(values.float())
        targets.append(targets_of(config, example.geometry, boxes, np.asarray(example.categories, np.int64)))
    return {name: torch.stack(values) for name, values in stacked.items()}, targets


def _chosen(count: int, plan: Plan, step: int) -> tuple[list[int], np.random.Generator]:
    """Indices of a step's images, and the chance for what is done to them."""
    size, chosen = min(plan.images, count), list[int]()
    for place in range(step * size, (step + 1) * size):
        round_number, at = divmod(place, count)
        order = np.random.default_rng((plan.seed, 1, round_number)).permutation(count)
        chosen.append(int(order[at]))
    return chosen, np.random.default_rng((plan.seed, 2, step))


def _mirrored(
    features: dict[str, Tensor], boxes: np.ndarray[Any, np.dtype[np.float64]], example: Example
) -> tuple[dict[str, Tensor], np.ndarray[Any, np.dtype[np.float64]]]:
    """Left and right exchanged, padding where it was. Encoders give nearly that for a mirrored image."""
    _, width = example.geometry.input_size
    side = example.geometry.image_size
    mirrored = {}
    for name, values in features.items():
        columns = min(values.shape[-1], max(1, round(values.shape[-1] * width / side)))
        mirrored[name] = torch.cat([values[..., :columns].flip(-1), values[..., columns:]], -1)
    exchanged = boxes.copy()
    exchanged[:, [0, 2]] = width - boxes[:, [2, 0]]
    return mirrored, exchanged
