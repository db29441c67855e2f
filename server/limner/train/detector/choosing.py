"""A project's own detector: trained, judged on images that it has not learned from, and compared with a general one.

It begins with the weights of the general detector that reads the same embeddings, where there is one, since ten images
alone teach less than that one knows. How many steps are enough, and whether the result is better than the general
detector, say images that are held out; where these have too few objects, cross-validation (Stone 1974) over the others:
each part of them is judged by a network that learned from the other parts. The number of steps that is best on some
images is not judged on these, which would flatter it (Varma and Simon 2006): it is chosen on the other parts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from limner.atomic import write_file
from limner.errors import InvalidFile
from limner.heads.detector import Detector, DetectorConfig
from limner.heads.files import load_detector
from limner.models.detectors import DetectorJudgement, JudgedBy, general_detectors
from limner.train.detector.examples import Example, Read, digest_of, split
from limner.train.detector.judging import Answer, Figures, judge
from limner.train.detector.measuring import boxes_of
from limner.train.detector.training import (
    CHECKPOINT_EVERY,
    Plan,
    Step,
    digest_of_weights,
    train_detector,
    usual_steps,
)
from limner.vocabulary.rle import Rle

ENOUGH = 30  # objects on held-out images from which these alone are judged on
FOLDS = 5  # parts of the others, where they are not enough
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)  # of the steps, after which a network is judged
TUNING_RATE = 1e-3  # of learning, from the general detector's weights
LEAST_AP = 0.01  # below it a detector finds next to nothing, and which of two finds more is chance
ANSWERS = "answers.json"
FINAL = "final.pt"

Trial = tuple[Sequence[Example], Sequence[Example]]  # learned from, judged on
Known = dict[str, dict[str, Any]]  # by trial and step: the boxes of each image


@dataclass(frozen=True)
class General:
    """The detector that a project would ask if it had none of its own."""

    name: str
    network: Detector


@dataclass(frozen=True)
class Judgement:
    """What a project's own detector is worth.

    Attributes:
        by: held-out images, or cross-validation over those that are learned from.
        steps: that gave the best average precision on all images.
        own: what a network comes to whose steps were chosen on other images than those that it is judged on.
        name: of the general detector; None where there is none.
        general: what that comes to on the same images.
    """

    by: JudgedBy
    steps: int
    own: Figures
    name: str | None
    general: Figures | None

    @property
    def better(self) -> bool | None:
        """Whether it finds something, and with a higher average precision than the general one; None: there is none."""
        return None if self.general is None else self.own.ap > max(self.general.ap, LEAST_AP)

    def on_card(self) -> DetectorJudgement | None:
        """As the detector's card says it; None where there was nothing to compare with."""
        if self.general is None or self.name is None or self.better is None:
            return None
        return DetectorJudgement(
            by=self.by,
            images=self.own.images,
            objects=self.own.objects,
            ap=self.own.ap,
            against=self.name,
            against_ap=self.general.ap,
            better=self.better,
        )


@dataclass(frozen=True)
class Chosen:
    """A project's own detector.

    Attributes:
        network: in evaluation mode.
        learned: the images that it learned from.
        steps: of its training.
        seconds: that its training took, trials left out.
        judgement: None where no image was left to judge on.
        answers: what networks like it said of images that they did not learn from, by sha256.
    """

    network: Detector
    learned: Sequence[Example]
    steps: int
    seconds: float
    judgement: Judgement | None
    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)


def general_detector(home: Path, model_sha256: str) -> General | None:
    """The newest that learned from no project and reads embeddings by this model, if there is one.

    Raises:
        ModelError: the card of one cannot be read.
        WrongWeights: its weights have changed.
    """
    found = general_detectors(home, model_sha256)
    return General(found[0].name, load_detector(found[0])) if found else None


def shape_of(general: General | None, wanted: DetectorConfig) -> DetectorConfig:
    """The network's shape: that of the general detector, with the categories that are wanted."""
    if general is None:
        return wanted
    return dataclasses.replace(general.network.config, categories=wanted.categories)


def usual_plan(images: int, general: General | None, steps: int | None = None, seed: int = 0) -> Plan:
    """How a detector is trained on so many images unless told otherwise."""
    if general is None:
        return Plan(steps or usual_steps(images), seed=seed)
    return Plan(steps or usual_steps(images, tuned=True), rate=TUNING_RATE, seed=seed)


def with_categories(network: Detector, categories: int, seed: int = 0) -> Detector:
    """A copy of a network that tells so many categories apart, which it has yet to learn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        copied = Detector(dataclasses.replace(network.config, categories=categories))
    state, known = copied.state_dict(), network.state_dict()
    for name, value in known.items():
        if name.startswith("answer."):
            state[name][:5] = value[:5]  # objectness and box; the categories come after
        else:
            state[name] = value
    copied.load_state_dict(state)
    return copied


class Choosing:
    """Trials and training of one detector; what is done is kept in a folder, so that it can go on after a stop.

    Args:
        wanted: the network's shape where there is no general detector.
        examples: all images of the project with embeddings.
        read: gives these.
        general: what a project without a detector asks; None where there is none for its model.
        folder: for what is not finished; must exist.
        steps: of training; the usual number when None.
        seed: of all chance.
        checkpoint_every: steps between two checkpoints.
        on_step: called after each step with how far all of it is; raise in it to stop.

    Raises:
        InvalidInput: there is nothing to learn from.
    """

    def __init__(
        self,
        wanted: DetectorConfig,
        examples: Sequence[Example],
        read: Read,
        general: General | None,
        folder: Path,
        *,
        steps: int | None = None,
        seed: int = 0,
        checkpoint_every: int = CHECKPOINT_EVERY,
        on_step: Callable[[Step], object] = lambda step: None,
    ) -> None:
        self.learned, held_out = split(examples)
        self.config = shape_of(general, wanted)
        self.plan = usual_plan(len(self.learned), general, steps, seed)
        self._read, self._general, self._folder = read, general, folder
        self._every, self._on_step = checkpoint_every, on_step
        self._start = None if general is None else with_categories(general.network, wanted.categories, seed)
        self._by, self._trials = trials_of(self.learned, held_out, compared=general is not None)
        self._total = self.plan.steps * (len(self._trials) + 1)
        self._before = 0  # steps of the trainings before this one
        images = [digest_of(images) for trial in self._trials for images in trial]
        asked = None if general is None else (general.name, digest_of_weights(general.network))
        origin = repr((self.config, self.plan, images, asked))
        self._origin = hashlib.sha256(origin.encode()).hexdigest()

    def run(self) -> Chosen:
        """Judge by trials, then train on all images that are not held out, for as long as was best.

        Raises:
            InvalidFile: what the folder holds belongs to another run.
            InvalidInput: an embedding is of another model.
        """
        judgement = self._judged() if self._trials else None
        steps = self.plan.steps if judgement is None else judgement.steps
        self._total = self._before + steps
        again = judgement is not None and judgement.by == "held_out" and steps == self.plan.steps
        network, seconds = self._train(self.learned, _trial(0) if again else FINAL, steps)
        return Chosen(network, self.learned, steps, seconds, judgement, self._said(steps))

    def _judged(self) -> Judgement:
        """By what is right for each judged image, its steps chosen on others; all of these together."""
        known, wanted = self._kept(), milestones(self.plan.steps)
        for number, (learned, judged) in enumerate(self._trials):
            answers = known.setdefault(str(number), {})
            for step in wanted:
                if str(step) not in answers:
                    network, _ = self._train(learned, _trial(number), step)
                    answers[str(step)] = [as_json(boxes_of(network, each, self._read)) for each in judged]
                    self._keep(known)
            self._before += self.plan.steps
        images = [example for _, judged in self._trials for example in judged]
        masks = [example.masks for example in images]
        by_steps = {step: [from_json(each) for trial in known.values() for each in trial[str(step)]] for step in wanted}
        parts = parts_of(self._trials)
        best = best_steps(by_steps, masks, range(len(images))) if len(set(parts)) > 1 else wanted[-1]
        own = judge(chosen_on_others(by_steps, masks, parts), masks)
        if self._general is None:
            return Judgement(self._by, best, own, None, None)
        general = judge([boxes_of(self._general.network, each, self._read) for each in images], masks)
        return Judgement(self._by, best, own, self._general.name, general)

    def _said(self, steps: int) -> dict[str, list[Answer]]:
        """Of each image that was judged on, by a network trained for so many steps that did not learn from it."""
        known = self._kept()
        return {
            example.sha256: from_json(answers)
            for number, (_, judged) in enumerate(self._trials)
            for example, answers in zip(judged, known[str(number)][str(steps)], strict=True)
        }

    def _train(self, learned: Sequence[Example], checkpoint: str, until: int) -> tuple[Detector, float]:
        """Train until this step, from where it was left."""
        path = self._folder / checkpoint

        def on_step(step: Step) -> None:
            self._on_step(Step(self._before + step.done, self._total, step.loss, step.seconds))

        return train_detector(
            self.config,
            learned,
            self._read,
            self.plan,
            start=self._start,
            until=until,
            checkpoint=path,
            resume=path.is_file(),
            checkpoint_every=self._every,
            on_step=on_step,
        )

    def _kept(self) -> Known:
        """What trials before a stop gave."""
        path = self._folder / ANSWERS
        if not path.is_file():
            return {}
        content = json.loads(path.read_bytes())
        if content["of"] != self._origin:
            raise InvalidFile(
                f"{path} belongs to another run.",
                hint="Resume with the same options, unchanged masks and the same general detector, "
                "or start without --resume.",
            )
        known: Known = content["trials"]
        return known

    def _keep(self, known: Known) -> None:
        write_file(self._folder / ANSWERS, json.dumps({"of": self._origin, "trials": known}).encode())


def trials_of(
    learned: Sequence[Example], held_out: Sequence[Example], *, compared: bool
) -> tuple[JudgedBy, list[Trial]]:
    """What is learned from and what is judged on, of each trial; none where no image would be left for one of them.

    Cross-validation takes longer than all the rest, so it is done only where there is something to compare with.
    """
    if sum(len(each.masks) for each in held_out) >= ENOUGH or (held_out and not compared):
        return "held_out", [(learned, held_out)]
    parts = min(FOLDS, len(learned))
    if parts < 2 or not compared:
        return "cross_validation", []
    ordered = sorted(learned, key=lambda each: each.sha256)
    places = range(len(ordered))
    return "cross_validation", [
        (
            [ordered[place] for place in places if place % parts != part],
            [ordered[place] for place in places if place % parts == part],
        )
        for part in range(parts)
    ]


def parts_of(trials: Sequence[Trial]) -> list[int]:
    """Of each image that is judged on, its part: steps are chosen on the other parts.

    A trial is a part; the images of a single one are two.
    """
    if len(trials) > 1:
        return [number for number, (_, judged) in enumerate(trials) for _ in judged]
    order = {each.sha256: place for _, judged in trials for place, each in enumerate(sorted(judged, key=_sha256))}
    return [order[each.sha256] % 2 for _, judged in trials for each in judged]


def best_steps(
    by_steps: Mapping[int, Sequence[Sequence[Answer]]], masks: Sequence[Sequence[Rle]], places: Sequence[int]
) -> int:
    """The number of steps whose answers have the best average precision on some images; of equals, the fewest."""

    def ap(steps: int) -> float:
        return judge([by_steps[steps][place] for place in places], [masks[place] for place in places]).ap

    return max(sorted(by_steps), key=ap)


def chosen_on_others(
    by_steps: Mapping[int, Sequence[Sequence[Answer]]], masks: Sequence[Sequence[Rle]], parts: Sequence[int]
) -> list[Sequence[Answer]]:
    """Of each image, the answers after the number of steps that was best on the images of all other parts.

    Where there are no other parts nothing is chosen: the answers are those after all steps.

    Args:
        by_steps: of each image, the answers after so many steps.
        masks: of each image, those of its objects.
        parts: of each image, which it is in.
    """
    chosen = {}
    for part in set(parts):
        others = [place for place, other in enumerate(parts) if other != part]
        chosen[part] = best_steps(by_steps, masks, others) if others else max(by_steps)
    return [by_steps[chosen[part]][place] for place, part in enumerate(parts)]


def milestones(steps: int) -> list[int]:
    """After which steps networks are judged."""
    return sorted({max(1, round(share * steps)) for share in SHARES})


def as_json(answers: Sequence[Answer]) -> Any:
    """Boxes of an image as they are kept."""
    return [[each.score, each.box] for each in answers]


def from_json(kept: Any) -> list[Answer]:
    """The same again."""
    return [Answer(score, box=tuple(box)) for score, box in kept]


def _sha256(example: Example) -> str:
    return example.sha256


def _trial(number: int) -> str:
    return f"trial-{number}.pt"
