"""Masks of what a detector sees: its boxes ask the decoder, and both say how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import torch

from limner.heads.detector import Detector
from limner.heads.proposing import AT_MOST, LEAST_OBJECTNESS, Proposal, propose
from limner.sam.model import DecoderPrompt
from limner.segment.automatic.candidates import Outlined, masked, stable_outline, suppressed
from limner.segment.automatic.decoding import valid_cells
from limner.segment.automatic.grid import Crop
from limner.segment.automatic.in_order import in_order
from limner.segment.automatic.resample import Upsampler
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.prompts import Prompts

ALIKE = 0.7  # IoU of boxes of masks above which the better one stays

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DetectedMask:
    """One mask that the decoder gave for a box of the detector.

    Attributes:
        mask: COCO RLE at the image's size.
        score: the geometric mean of objectness and predicted IoU, 0 to 1.
        stability: as for everything.
        proposal: what was asked for.
    """

    mask: rle.Rle
    score: float
    stability: float
    proposal: Proposal


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

    def find(self, image: ImageEmbedding, on_progress: Progress | None = None) -> list[DetectedMask]:
        """Masks on an image, best first.

        Args:
            image: the whole of it, encoded.
            on_progress: called with (boxes done, boxes in all); raise in it to cancel.

        Raises:
            InvalidInput: the detector reads embeddings by another model.
        """
        height, width = image.image_size
        proposals = propose(self._detector, image.features, image.geometry, at_most=self._at_most, least=self._least)
        config = self._predictor.model.config
        upsampler = Upsampler(image.geometry, config.low_res_size)
        with torch.inference_mode():
            prepared = self._predictor.split.prepare(image.features, valid_cells(config, upsampler.needed_cells))
        crop = Crop((0, 0, width, height), 0)

        def answer(proposal: Proposal) -> tuple[Proposal, float, Outlined] | None:
            return self._answer(proposal, image, prepared, upsampler, crop)

        found: list[tuple[Proposal, float, Outlined]] = []
        with closing(in_order(answer, proposals, self._threads)) as answers:
            for done, each in enumerate(answers, start=1):
                if each is not None:
                    found.append(each)
                if on_progress is not None:
                    on_progress(done, len(proposals))
        known = {id(candidate): (proposal, score) for proposal, score, candidate in found}
        best = suppressed([candidate for *_, candidate in found], [score for _, score, _ in found], ALIKE)
        return [
            DetectedMask(masked(candidate, upsampler, height, width).mask, score, candidate.stability_score, proposal)
            for candidate in best
            for proposal, score in [known[id(candidate)]]
        ]

    def _answer(
        self,
        proposal: Proposal,
        image: ImageEmbedding,
        prepared: tuple[torch.Tensor, ...],
        upsampler: Upsampler,
        crop: Crop,
    ) -> tuple[Proposal, float, Outlined] | None:
        """What the decoder answers for a box, with its score; None when there is nothing of it."""
        config = self._predictor.model.config
        coords, labels = Prompts(box=proposal.box).model_inputs(image.geometry, config.prompts.padding)
        prompt = DecoderPrompt.of_points(torch.from_numpy(coords), torch.from_numpy(labels), config.low_res_size)
        with torch.inference_mode():
            low_res, ious = self._predictor.split.decode(prepared, prompt.to(self._predictor.device))
        (index,) = config.masks.chosen(multimask=False)
        iou = min(max(float(ious[0, index]), 0.0), 1.0)
        x0, y0, x1, y1 = proposal.box
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        offset = self._predictor.automatic.stability_score_offset
        logits = low_res[0, index].float().cpu().numpy()
        outline = stable_outline(logits, upsampler, crop, iou, middle, offset, 0.0)
        return None if outline is None else (proposal, (proposal.objectness * iou) ** 0.5, outline)
