"""Which number format the encoder of a model should compute in on the CPU: measured, then written on its card."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limner.catalogue import CARD_FILE, InstalledModel, Precision
from limner.errors import InvalidInput, Unavailable
from limner.geometry import ImageGeometry
from limner.sam.automatic.grid import point_grid
from limner.sam.model import PromptableModel
from limner.sam.precision import channels_last, computing_in, cpu_multiplies_bfloat16
from limner.sam.predictor import ImageEmbedding, Predictor
from limner.sam.transforms import to_model_input

LEAST_IOU = 0.995  # mean, of masks to those from float32
POINTS_PER_SIDE = 5  # clicks on each image
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Tuning:
    """What was found. ``seconds`` are CPU time for one image; ``iou`` is the mean of bfloat16's masks to float32's."""

    seconds: dict[Precision, float]
    iou: float

    @property
    def precision(self) -> Precision:
        """The cheapest whose masks are the same."""
        cheaper = self.seconds["bfloat16"] < self.seconds["float32"]
        return "bfloat16" if cheaper and self.iou >= LEAST_IOU else "float32"


def measure(model: PromptableModel, images: Iterable[NDArray[np.uint8]]) -> Tuning:
    """Encode RGB images (H, W, 3) both ways, and compare the masks of a grid of clicks.

    Raises:
        Unavailable: when this CPU has no instructions for bfloat16.
        InvalidInput: when there is no image.
    """
    if not cpu_multiplies_bfloat16():
        raise Unavailable(
            "This CPU does not multiply bfloat16.", hint="Measure on one that does; here float32 is used in any case."
        )
    predictor = Predictor(model)
    seconds: dict[Precision, list[float]] = {"float32": [], "bfloat16": []}
    ious: list[float] = []
    for image in images:
        height, width, _ = image.shape
        geometry = ImageGeometry(height, width, model.config.image_size)
        points = point_grid(POINTS_PER_SIDE) * (width, height)
        masks: list[NDArray[np.bool_]] = []
        chosen = np.zeros(len(points), np.intp)
        for precision, spent in seconds.items():
            embedding = _encode(model, image, precision, spent)
            answers, scores, _ = predictor.predict_batch(
                points[:, None], np.ones((len(points), 1), np.int64), image=ImageEmbedding(embedding, geometry)
            )
            if not masks:
                chosen = scores.argmax(1)
            masks.append(answers[np.arange(len(points)), chosen] > 0)
        common, union = (masks[0] & masks[1]).sum((1, 2)), (masks[0] | masks[1]).sum((1, 2))
        ious += [float(c / u) if u else 1.0 for c, u in zip(common, union, strict=True)]
    if not ious:
        raise InvalidInput("There is no image to measure on.", hint="Give a folder with some photos.")
    return Tuning({name: float(np.median(spent)) for name, spent in seconds.items()}, float(np.mean(ious)))


def write_card(installed: InstalledModel, precision: Precision) -> None:
    """Put the choice on the card of an installed model.

    Raises:
        InvalidInput: for a bundled model, whose card is part of the package.
    """
    if installed.bundled:
        raise InvalidInput(f"{installed.name} came with Limner, and so did its card.", hint="Nothing needs to be done.")
    card = installed.card.model_copy(update={"cpu_precision": precision})
    path = installed.weights.parent / CARD_FILE
    fresh = path.with_name(f".{CARD_FILE}.partial")
    fresh.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


@torch.inference_mode()
def _encode(model: PromptableModel, image: NDArray[np.uint8], precision: Precision, spent: list[float]) -> torch.Tensor:
    images = channels_last(to_model_input(image, model.config)[None])
    with computing_in(precision, CPU):
        if not spent:
            model.encode(images)  # the first time takes longer
        started = time.process_time()
        embedding = model.encode(images)
        spent.append(time.process_time() - started)
    return embedding.float()
