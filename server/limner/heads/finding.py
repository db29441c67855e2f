"""Masks of what a detector sees: its boxes ask the decoder, and both say how sure they are."""

from __future__ import annotations

from limner.heads.detector import Detector
from limner.heads.proposing import AT_MOST, LEAST_OBJECTNESS, Proposal, propose
from limner.segment.embedding import ImageEmbedding
from limner.segment.of_boxes import BoxMask, Progress, masks_of_boxes
from limner.segment.predictor import Predictor


class DetectedFinder:
    """Finds objects by a detector.

    Args:
        predictor: the model whose embeddings the detector reads.
        detector: on the predictor's device.
        at_most: so many boxes of an image.
        least: objectness below which a box is none.
        threads: boxes that are worked on at once.
    """

    def __init__(
        self,
        predictor: Predictor,
        detector: Detector,
        *,
        at_most: int = AT_MOST,
        least: float = LEAST_OBJECTNESS,
        threads: int = 1,
    ) -> None:
        self._predictor, self._detector = predictor, detector
        self._at_most, self._least, self._threads = at_most, least, threads

    def find(self, image: ImageEmbedding, on_progress: Progress | None = None) -> list[BoxMask[Proposal]]:
        """Masks on an image, best first; the score is the geometric mean of objectness and predicted IoU.

        Args:
            image: the whole of it, encoded.
            on_progress: called with (boxes done, boxes in all); raise in it to cancel.

        Raises:
            InvalidInput: the detector reads embeddings by another model.
        """
        proposals = propose(self._detector, image.features, image.geometry, at_most=self._at_most, least=self._least)
        asked = [(each.box, each.objectness, each) for each in proposals]
        return masks_of_boxes(self._predictor, image, asked, on_progress, threads=self._threads)
