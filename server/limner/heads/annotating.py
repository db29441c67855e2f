"""Whatever gives boxes of an image, behind one seam, so that masks can be made of them: a detector, files, or phrases.

``limner annotate`` goes through folders with these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidInput
from limner.heads.files import load_detector
from limner.heads.finding import DetectedFinder
from limner.heads.labelled import masks_of_marked
from limner.heads.text import TextDetector
from limner.models.catalogue import same_encoder
from limner.models.detectors import InstalledDetector
from limner.models.registry import LoadedModel
from limner.segment.embedding import ImageEmbedding
from limner.segment.of_boxes import Box, BoxMask, masks_of_boxes
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.suggested import BOX_THRESHOLD, TEXT_THRESHOLD, MarkedObject


@dataclass(frozen=True)
class FoundObject:
    """A mask with its category by name, None without one, and the box that it was asked for by; scores 0 to 1."""

    mask: rle.Rle
    category: str | None
    score: float
    predicted_iou: float
    stability: float
    box: Box

    @classmethod
    def of(cls, found: BoxMask[Any], category: str | None) -> FoundObject:
        """What the decoder gave for something that has a ``box``."""
        box = found.asked.box
        return cls(found.mask, category, found.score, found.predicted_iou, found.stability, box)


class BoxSource(Protocol):
    """Finds objects on one image after the other."""

    @property
    def categories(self) -> Sequence[str]:
        """All that objects can be of, in order."""
        ...

    def made_by(self, name: str) -> dict[str, Any]:
        """All that decides what is found on the image of this name, as JSON: when it is the same, so is the answer."""
        ...

    def find(self, name: str, rgb: NDArray[np.uint8], image: ImageEmbedding) -> list[FoundObject]:
        """The objects on an image (H, W, 3), which the model has encoded."""
        ...


class DetectorSource:
    """A detector on embeddings.

    Raises:
        InvalidInput: it reads embeddings by another model.
        ModelError: its weights have changed.
    """

    def __init__(
        self,
        detector: InstalledDetector,
        loaded: LoadedModel,
        predictor: Predictor,
        objectness: float,
        threads: int,
        home: Path,
    ) -> None:
        card = detector.card
        if card.model_sha256 not in same_encoder(home, loaded.weights_sha256):
            raise InvalidInput(
                f"The detector {card.name} reads embeddings by {card.model}, and the model is {loaded.name}.",
                hint=f"Use --model {card.model}, or train a detector for this one: limner detector train",
            )
        self._card, self._objectness = card, objectness
        network = load_detector(detector).to(predictor.device)
        self._finder = DetectedFinder(predictor, network, least=objectness, threads=threads)

    @property
    def categories(self) -> Sequence[str]:
        return [category.name for category in self._card.categories]

    def made_by(self, name: str) -> dict[str, Any]:
        return {"detector": self._card.name, "sha256": self._card.weights_sha256, "objectness": self._objectness}

    def find(self, name: str, rgb: NDArray[np.uint8], image: ImageEmbedding) -> list[FoundObject]:
        return [FoundObject.of(each, self._category(each.asked.category)) for each in self._finder.find(image)]

    def _category(self, index: int | None) -> str | None:
        names = self.categories
        if index is not None:
            return names[index]
        return names[0] if len(names) == 1 else None


class MarkedSource:
    """What files mark, by the names of images."""

    def __init__(
        self,
        marked: Mapping[str, Sequence[MarkedObject]],
        categories: Sequence[str],
        predictor: Predictor,
        threads: int,
    ) -> None:
        self._marked, self._categories = marked, categories
        self._predictor, self._threads = predictor, threads

    @property
    def categories(self) -> Sequence[str]:
        return self._categories

    def made_by(self, name: str) -> dict[str, Any]:
        digest = hashlib.sha256()
        for each in self._marked.get(name, ()):
            digest.update(each.model_dump_json().encode())
        return {"labels": digest.hexdigest()}

    def find(self, name: str, rgb: NDArray[np.uint8], image: ImageEmbedding) -> list[FoundObject]:
        found = masks_of_marked(self._predictor, image, self._marked.get(name, ()), threads=self._threads)
        return [FoundObject.of(each, each.asked.category) for each in found]


class TextSource:
    """What a text detector sees of some phrases; they are the categories."""

    def __init__(
        self,
        detector: TextDetector,
        phrases: Sequence[str],
        predictor: Predictor,
        *,
        box_threshold: float = BOX_THRESHOLD,
        text_threshold: float = TEXT_THRESHOLD,
        threads: int = 1,
    ) -> None:
        self._detector, self._phrases = detector, phrases
        self._thresholds = {"box_threshold": box_threshold, "text_threshold": text_threshold}
        self._predictor, self._threads = predictor, threads
        self._sha256 = detector.fingerprint()

    @property
    def categories(self) -> Sequence[str]:
        return self._phrases

    def made_by(self, name: str) -> dict[str, Any]:
        return {"text": list(self._phrases), "sha256": self._sha256, **self._thresholds}

    def find(self, name: str, rgb: NDArray[np.uint8], image: ImageEmbedding) -> list[FoundObject]:
        found = self._detector.find(rgb, self._phrases, **self._thresholds)
        asked = [(each.box, each.score, each) for each in found]
        masks = masks_of_boxes(self._predictor, image, asked, threads=self._threads)
        return [FoundObject.of(each, each.asked.phrase) for each in masks]
