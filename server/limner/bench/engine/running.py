"""The whole experiment on one domain: annotate, learn, measure; twice.

The annotator draws all objects of the first round's photos by hand; those of later rounds open with suggestions. After
each round a detector and the model learn from everything that was collected so far; as in the product, the detector
that is there from the beginning is asked all the same where the new one is not better. Each state, before and after, is
measured in all three stages on the same photos, which nothing here learns from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from limner.bench import similar
from limner.bench.detector import Embedded
from limner.bench.engine.annotator import (
    Annotated,
    Mask,
    OpenImage,
    Suggested,
    Wish,
    as_suggested,
    by_hand,
    prefilled,
    verified,
)
from limner.bench.engine.cost import Cost
from limner.bench.engine.domains import Domain
from limner.bench.engine.figures import bins_as_json, stage_figures
from limner.bench.engine.learning import Collected, Recipe, learn_detector, learn_model
from limner.heads.detector import Detector
from limner.heads.finding import DetectedFinder
from limner.heads.proposing import Proposal
from limner.models.registry import LoadedModel
from limner.quality.thresholds import Decision, calibration, fit_threshold
from limner.segment.embedding import ImageEmbedding
from limner.segment.of_boxes import BoxMask, masks_of_boxes
from limner.segment.predictor import Predictor
from limner.train.comparison import compare
from limner.train.detector.choosing import Chosen
from limner.train.detector.examples import Example
from limner.train.detector.judging import Answer, judge
from limner.train.detector.measuring import LEAST, measure_boxes
from limner.train.evaluation import Protocol, measure
from limner.train.photos import Photo
from limner.vocabulary.counted import counted
from limner.vocabulary.suggested import Detected

OBJECTNESS = Detected().objectness  # of the boxes that are asked for, as the product has it
NOTHING_WANTED = 0.999  # chance of being accepted that nothing reaches: keeps the chance below 1


@dataclass(frozen=True)
class Plan:
    """What is done on a domain.

    Attributes:
        wish: of the annotator, until there are decisions that the threshold can be learned from.
        cost: seconds of what the annotator does.
        recipe: of each round.
        threads: on the CPU.
        similar_images: photos on which similar objects are looked for.
        similar_examples: by how many examples.
    """

    wish: Wish
    cost: Cost
    recipe: Recipe
    threads: int = 1
    similar_images: int = 2
    similar_examples: tuple[int, ...] = (1, 3)


@dataclass(frozen=True)
class _State:
    """What the annotator is helped by."""

    name: str
    model: LoadedModel
    detector: Detector | None
    wish: Wish

    @cached_property
    def subject(self) -> OpenImage:
        return OpenImage(self.model.model)

    @cached_property
    def predictor(self) -> Predictor:
        return Predictor(self.model)


@dataclass(frozen=True)
class _Photos:
    """Photos that were encoded, once: fine-tuning the decoder leaves embeddings as they are."""

    photos: Sequence[Photo]
    examples: Sequence[Example]
    embedded: Embedded

    @classmethod
    def encoded(cls, predictor: Predictor, photos: Sequence[Photo]) -> _Photos:
        """With all of them in memory."""
        embedded = Embedded(predictor, photos)
        return cls(photos, embedded.examples, embedded)

    def part(self, start: int, stop: int) -> _Photos:
        """Those from ``start`` to before ``stop``."""
        return _Photos(self.photos[start:stop], self.examples[start:stop], self.embedded)

    def embedding(self, index: int) -> ImageEmbedding:
        """Of one of them."""
        return self.embedded.embedding(self.examples[index])

    def __len__(self) -> int:
        return len(self.photos)


def run_domain(
    loaded: LoadedModel,
    first_detector: Detector | None,
    domain: Domain,
    plan: Plan,
    work: Path,
    say: Callable[[str], object] = lambda message: None,
) -> dict[str, Any]:
    """The figures of a domain, as JSON.

    Args:
        loaded: the model, on the CPU.
        first_detector: that is there before anything is collected; None: nothing is suggested then.
        domain: the photos.
        plan: what is done.
        work: an empty folder for what learning writes.
        say: told what is being done.
    """
    predictor = Predictor(loaded)
    photos = [*(photo for part in domain.rounds for photo in part), *domain.measured]
    say(f"{domain.name}: encoding {counted(len(photos), 'photo')}")
    everything = _Photos.encoded(predictor, photos)
    measured = everything.part(len(photos) - len(domain.measured), len(photos))
    state = _State("as installed", loaded, first_detector, plan.wish)
    result: dict[str, Any] = {
        "domain": domain.name,
        "measured": {
            "photos": len(measured),
            "held_out_by_hash": sum(photo.held_out for photo in domain.measured),
            "objects": sum(len(photo.segmentations) for photo in domain.measured),
        },
        "rounds": [],
        "states": [],
    }
    say(f"{domain.name}: measuring as installed")
    result["states"].append(_measured(state, measured, plan))
    collected: list[Collected] = []
    for number, part in enumerate(domain.rounds, start=1):
        say(f"{domain.name}: round {number}, annotating {counted(len(part), 'photo')}")
        fresh = everything.part(len(collected), len(collected) + len(part))
        stage = "by hand" if number == 1 else "prefilled"
        annotator = replace(state, detector=None) if number == 1 else state
        works = [_collect(annotator, fresh, index, plan) for index in range(len(fresh))]
        collected += [
            Collected(photo, [kept.mask for kept in each.kept]) for photo, each in zip(part, works, strict=True)
        ]
        say(f"{domain.name}: round {number}, training a detector on {counted(len(collected), 'photo')}")
        learned = everything.part(0, len(collected))
        read = everything.embedded.read
        chosen, detector_seconds = learn_detector(
            predictor, learned.examples, read, collected, plan.recipe, first_detector, work / f"detector-{number}"
        )
        judged = chosen.judgement
        worse = judged is not None and judged.better is False
        detector = first_detector if worse else chosen.network
        foreseen = [] if worse else _foreseen(state, learned, chosen, collected, plan)
        wish = _learned_wish(plan, works, foreseen)
        facts: dict[str, Any] = {
            "round": number,
            "photos": len(collected),
            "masks": sum(len(each.masks) for each in collected),
            "collecting": asdict(stage_figures(stage, works)),
            "detector_seconds": round(detector_seconds, 1),
            "detector_steps": chosen.steps,
            "judgement": None if judged is None else asdict(judged) | {"better": judged.better},
        }
        state = _State(f"round {number}, detector", state.model, detector, wish)
        say(f"{domain.name}: round {number}, measuring with the detector")
        result["states"].append(_measured(state, measured, plan))
        if plan.recipe.model_steps:
            say(f"{domain.name}: round {number}, fine-tuning the model")
            before = state.model
            model, seconds = learn_model(before, collected, work / f"round-{number}", plan.recipe)
            state = _State(f"round {number}, and model", model, detector, wish)
            say(f"{domain.name}: round {number}, measuring with the detector and the model")
            result["states"].append(_measured(state, measured, plan))
            facts |= {"model_seconds": round(seconds, 1), "comparison": _compared(before, model, measured)}
        result["rounds"].append(facts)
    say(f"{domain.name}: similar objects")
    many = [photo for photo in domain.measured if len(photo.segmentations) >= similar.FEWEST][: plan.similar_images]
    found = similar.measure(predictor, many, plan.similar_examples, plan.threads) if many else []
    result["similar"] = [asdict(each) for each in found]
    return result


def _measured(state: _State, photos: _Photos, plan: Plan) -> dict[str, Any]:
    """All three stages on all photos; those with suggestions only where there is a detector.

    Acceptance by score is that of everything the detector finds, not only of what lies above the threshold.
    """
    works: dict[str, list[Annotated]] = {}
    decisions: list[Decision] = []
    answers: list[list[Answer]] = []
    for index in range(len(photos)):
        objects = _opened(state, photos, index)
        works.setdefault("by hand", []).append(by_hand(state.subject, objects, state.wish, plan.cost))
        if state.detector is None:
            continue
        found = _found(state, state.detector, photos, index, plan.threads)
        answers.append([Answer(each.score, mask=each.mask) for each in found])
        suggestions = _shown(found)
        filled = prefilled(state.subject, suggestions, objects, state.wish, plan.cost)
        works.setdefault("prefilled", []).append(filled)
        works.setdefault("verified", []).append(verified(suggestions, objects, state.wish, plan.cost))
        decisions += verified(suggestions, objects, replace(state.wish, threshold=0.0), plan.cost).decisions
    return {
        "state": state.name,
        "threshold": state.wish.threshold,
        "stages": [asdict(stage_figures(stage, results)) for stage, results in works.items()],
        "acceptance": bins_as_json(calibration(decisions)),
        "detector": None if state.detector is None else _detector_figures(state.detector, photos, answers),
    }


def _opened(state: _State, photos: _Photos, index: int) -> list[Mask]:
    """Show a photo to the annotator; its objects."""
    photo = photos.photos[index]
    state.subject.look_at(photo.image(), photos.embedding(index))
    return photo.masks()


def _found(state: _State, detector: Detector, photos: _Photos, index: int, threads: int) -> Sequence[BoxMask[Proposal]]:
    """What the detector finds on a photo, also what it is not sure of."""
    return DetectedFinder(state.predictor, detector, least=LEAST, threads=threads).find(photos.embedding(index))


def _shown(found: Sequence[BoxMask[Proposal]]) -> list[Suggested]:
    """What becomes suggestions of it."""
    return [
        as_suggested(each.mask, each.score, each.asked.box) for each in found if each.asked.objectness >= OBJECTNESS
    ]


def _collect(state: _State, photos: _Photos, index: int, plan: Plan) -> Annotated:
    """Annotate a photo that is learned from: prefilled where there is a detector of the project's own."""
    objects = _opened(state, photos, index)
    if state.detector is None:
        return by_hand(state.subject, objects, state.wish, plan.cost)
    suggestions = _shown(_found(state, state.detector, photos, index, plan.threads))
    return prefilled(state.subject, suggestions, objects, state.wish, plan.cost)


def _foreseen(
    state: _State, photos: _Photos, chosen: Chosen, collected: Sequence[Collected], plan: Plan
) -> list[Decision]:
    """What would have been decided about a new detector's suggestions, by the masks that were kept.

    Its boxes are those of networks that learned from other photos (cross-validation).
    """
    decisions: list[Decision] = []
    for index, (example, each) in enumerate(zip(photos.examples, collected, strict=True)):
        answers = [answer for answer in chosen.answers.get(example.sha256, ()) if answer.score >= OBJECTNESS]
        asked = [(answer.box, answer.score, answer) for answer in answers if answer.box is not None]
        found = masks_of_boxes(state.predictor, photos.embedding(index), asked, threads=plan.threads)
        suggestions = [as_suggested(mask.mask, mask.score) for mask in found]
        decisions += verified(suggestions, each.masks, replace(plan.wish, threshold=0.0), plan.cost).decisions
    return decisions


def _learned_wish(plan: Plan, works: Sequence[Annotated], foreseen: Sequence[Decision]) -> Wish:
    """Look at suggestions from the score on at which it pays.

    A verdict costs what it costs, and saves what drawing would have cost, if the suggestion is accepted.
    """
    decisions: list[Decision] = [*foreseen, *(decision for each in works for decision in each.decisions)]
    drawn = [plan.cost.drawing(k.clicks, k.brushing) for each in works for k in each.kept if not k.suggested]
    saved = sum(drawn) / len(drawn) if drawn else plan.cost.drawing(1)
    wanted = min(NOTHING_WANTED, plan.cost.verdict / saved) if saved else NOTHING_WANTED
    learned = fit_threshold(decisions, plan.wish.threshold, wanted=max(wanted, 1 - NOTHING_WANTED))
    return replace(plan.wish, threshold=learned.value)


def _detector_figures(detector: Detector, photos: _Photos, answers: Sequence[Sequence[Answer]]) -> dict[str, Any]:
    """Its boxes, and the masks that the model makes of them, on the measured photos."""
    boxes = measure_boxes(detector, photos.examples, photos.embedded.read)
    masks = judge(answers, [example.masks for example in photos.examples])
    return {"boxes": asdict(boxes), "masks": asdict(masks)}


def _compared(before: LoadedModel, after: LoadedModel, photos: _Photos) -> dict[str, Any]:
    """Both models asked with the same clicks and boxes on the measured photos, as before a promotion."""

    class Known(OpenImage):
        """Takes embeddings in the order in which the photos are opened."""

        opened = 0

        def open(self, image: Any) -> None:
            self._features = photos.embedding(self.opened).features
            self.opened += 1
            super().open(image)

    protocol = Protocol(box=True)
    results = [measure(Known(each.model), photos.photos, protocol) for each in (before, after)]
    comparison = compare(*results)
    return comparison.to_json() | {"better": comparison.second_is_better}
