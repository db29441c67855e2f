"""How well a detector finds the objects of one kind of photos, and what training it costs.

Photos of each source are split by the hash of their files: every tenth is held out and measured on. Not everything in a
photo has a mask: what is found and has none counts as wrong, so AP is a lower bound.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limner.heads.detector import Detector, DetectorConfig
from limner.heads.finding import DetectedFinder
from limner.heads.proposing import propose
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.train.detector.examples import Example, split
from limner.train.detector.judging import Answer, Figures, judge
from limner.train.detector.measuring import LEAST, measure_boxes
from limner.train.detector.training import Plan, train_detector, usual_steps
from limner.train.photos import Photo


@dataclass(frozen=True)
class Measured:
    """One source.

    Attributes:
        learned: photos that were learned from.
        steps: of training.
        train_seconds: of the processor, all threads together; embeddings are not counted.
        boxes: the detector's own.
        masks: what the decoder makes of them.
        milliseconds: of the processor for the boxes of one image whose embedding is there, the median.
    """

    source: str
    learned: int
    steps: int
    train_seconds: float
    boxes: Figures
    masks: Figures
    milliseconds: float


class Embedded:
    """Photos of one source with their embeddings in memory, in 16 bits as they are stored."""

    def __init__(self, predictor: Predictor, photos: Sequence[Photo]) -> None:
        self._features: dict[str, dict[str, NDArray[np.float16]]] = {}
        self.examples: list[Example] = []
        for photo in photos:
            sha256 = hashlib.sha256(photo.image_path.read_bytes()).hexdigest()
            embedding = predictor.embed(photo.image())
            self._features[sha256] = {
                name: values.cpu().numpy().astype(np.float16) for name, values in embedding.features.items()
            }
            unknown = (0,) * len(photo.segmentations)
            self.examples.append(Example(sha256, embedding.geometry, photo.segmentations, unknown, photo.source))

    def read(self, sha256: str) -> Mapping[str, NDArray[np.float32]]:
        """The features of a photo (1, C, h, w) by name."""
        return {name: values.astype(np.float32) for name, values in self._features[sha256].items()}

    def embedding(self, example: Example) -> ImageEmbedding:
        """The same as the finder takes it."""
        features = {name: torch.from_numpy(values) for name, values in self.read(example.sha256).items()}
        return ImageEmbedding(features, example.geometry)


def by_source(photos: Sequence[Photo]) -> Mapping[str, Sequence[Photo]]:
    """Photos with masks of each source."""
    sources: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        if photo.segmentations:
            sources[photo.source].append(photo)
    return sources


def measure(
    predictor: Predictor,
    source: str,
    photos: Sequence[Photo],
    steps: int | None,
    seed: int,
    on_step: Callable[[], object] = lambda: None,
) -> Measured:
    """Train a detector on one source and measure it on what is held out of it.

    Args:
        predictor: the model, on the CPU.
        source: its name.
        photos: of the source, with masks.
        steps: of training; as many as usual when None.
        seed: of all chance.
        on_step: called after each step.

    Raises:
        InvalidInput: all photos are held out.
    """
    embedded = Embedded(predictor, photos)
    learned, held_out = split(embedded.examples)
    config = DetectorConfig(predictor.model.config.image_size, predictor.model.config.features)
    plan = Plan(steps or usual_steps(len(learned)), seed=seed)
    began = time.process_time()
    detector, _ = train_detector(config, learned, embedded.read, plan, on_step=lambda _: on_step())
    seconds = time.process_time() - began
    return Measured(
        source,
        len(learned),
        plan.steps,
        seconds,
        measure_boxes(detector, held_out, embedded.read),
        _measure_masks(predictor, detector, held_out, embedded),
        _milliseconds(detector, learned[:8], embedded),
    )


def _measure_masks(
    predictor: Predictor, detector: Detector, examples: Sequence[Example], embedded: Embedded
) -> Figures:
    finder = DetectedFinder(predictor, detector, least=LEAST)
    answers = [
        [Answer(each.score, mask=each.mask) for each in finder.find(embedded.embedding(example))]
        for example in examples
    ]
    return judge(answers, [example.masks for example in examples])


def _milliseconds(detector: Detector, examples: Sequence[Example], embedded: Embedded) -> float:
    taken = []
    for example in [examples[0], *examples]:  # the first one twice: what is done once only is not counted
        image = embedded.embedding(example)
        began = time.process_time()
        propose(detector, image.features, image.geometry)
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken[1:])
