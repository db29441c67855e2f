"""From an embedding to boxes: the network's answers, the best ones, each object once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limner.errors import InvalidInput
from limner.heads.detector import Detections, Detector, all_middles
from limner.sam.model import Features
from limner.segment.automatic.boxes import suppress
from limner.vocabulary.geometry import ImageGeometry

AT_MOST = 100  # boxes of an image
CONSIDERED = 1000  # of the network's answers, before each object is left once
APART = 0.6  # IoU of boxes above which the better one stays
LEAST_OBJECTNESS = 0.05


@dataclass(frozen=True)
class Proposal:
    """Where the detector sees an object.

    Attributes:
        box: x0, y0, x1, y1 in image pixels, inside the image.
        objectness: 0 to 1; learned as the IoU of the box with an object's.
        category: index of the likeliest; None where the network tells none apart.
    """

    box: tuple[float, float, float, float]
    objectness: float
    category: int | None


def propose(
    detector: Detector,
    features: Features,
    geometry: ImageGeometry,
    *,
    at_most: int = AT_MOST,
    least: float = LEAST_OBJECTNESS,
) -> list[Proposal]:
    """Boxes on one image, best first.

    Args:
        detector: in evaluation mode, on the features' device.
        features: of the image, (1, C, h, w) by name.
        geometry: how the image lies in the model's input.
        at_most: so many boxes.
        least: objectness below which there is nothing.

    Raises:
        InvalidInput: the features are not those that the detector reads.
    """
    check_features(detector, features)
    with torch.inference_mode():
        detections = detector(features)
    return proposals_of(detections, detector, geometry, at_most=at_most, least=least)


def proposals_of(
    detections: Detections,
    detector: Detector,
    geometry: ImageGeometry,
    *,
    at_most: int = AT_MOST,
    least: float = LEAST_OBJECTNESS,
) -> list[Proposal]:
    """What the answers on one image (B = 1) come to; see :func:`propose`."""
    scores = detections.objectness[0].float().sigmoid().cpu().numpy().astype(np.float64)
    seen = _inside(all_middles(detector.config).numpy(), geometry)
    candidates = np.flatnonzero(seen & (scores >= least))
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")][:CONSIDERED]
    boxes = detections.boxes[0].float().cpu().numpy().astype(np.float64)[candidates]
    in_image = geometry.to_image(boxes.reshape(-1, 2)).reshape(-1, 4)
    clipped = np.clip(in_image, 0, [geometry.width, geometry.height] * 2)
    has_area = ((clipped[:, 2:] - clipped[:, :2]) >= 1).all(axis=1)
    candidates, clipped = candidates[has_area], clipped[has_area]
    kept = suppress(clipped, scores[candidates], APART)[:at_most]
    told = detections.categories.shape[-1] > 0
    categories = detections.categories[0].float().cpu().numpy().argmax(axis=1) if told else None
    found = []
    for index in kept:
        x0, y0, x1, y1 = clipped[index].tolist()
        cell = int(candidates[index])
        category = None if categories is None else int(categories[cell])
        found.append(Proposal((x0, y0, x1, y1), float(scores[cell]), category))
    return found


def check_features(detector: Detector, features: Features) -> None:
    """Make sure that these are features that the detector reads.

    Raises:
        InvalidInput: otherwise.
    """
    wanted = {spec.name: spec.shape[1:] for spec in detector.config.features}
    found = {name: tuple(values.shape[1:]) for name, values in features.items()}
    if {name: found.get(name) for name in wanted} != wanted:
        raise InvalidInput(
            f"The detector reads the features {_words(wanted)}, the embedding has {_words(found)}.",
            hint="A detector works with the model that it was trained with; train one for this model.",
        )


def _words(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in shapes.items())


def _inside(middles: NDArray[np.float32], geometry: ImageGeometry) -> NDArray[np.bool_]:
    """(N,): whether the middles of cells lie on the image, not on its padding."""
    height, width = geometry.input_size
    return np.asarray((middles[:, 0] < width) & (middles[:, 1] < height))
