"""A detector measured on images that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from limner.heads.detector import Detector
from limner.heads.proposing import propose
from limner.train.detector.examples import Example, Read
from limner.train.detector.judging import Answer, Figures, judge

LEAST = 0.01  # objectness of what is measured: AP wants the doubtful ones too


def measure_boxes(detector: Detector, examples: Sequence[Example], read: Read) -> Figures:
    """Its boxes against those of the objects' masks.

    Args:
        detector: in evaluation mode, on the CPU.
        examples: at least one.
        read: gives embeddings.

    Raises:
        InvalidInput: an embedding is of another model.
    """
    return judge([boxes_of(detector, each, read) for each in examples], [each.masks for each in examples])


def boxes_of(detector: Detector, example: Example, read: Read) -> list[Answer]:
    """What it says of one image, the doubtful boxes too; see :func:`measure_boxes`."""
    features = {name: torch.from_numpy(values) for name, values in read(example.sha256).items()}
    proposals = propose(detector, features, example.geometry, least=LEAST)
    return [Answer(each.objectness, box=each.box) for each in proposals]
