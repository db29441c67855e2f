"""How the encoder of a model should run on the CPU: measured, then written on its card."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from limner.atomic import write_file
from limner.errors import InvalidInput
from limner.models.catalogue import CARD_FILE, InstalledModel
from limner.sam.cpu.precision import channels_last, computing_in, cpu_multiplies_bfloat16
from limner.sam.model import PromptableModel
from limner.sam.transforms import to_model_input
from limner.segment.automatic.grid import point_grid
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary.devices import CpuRuntime, Precision

LEAST_IOU = 0.995  # mean, of masks to those from float32
POINTS_PER_SIDE = 5  # clicks on each image
CPU = torch.device("cpu")

Way = Literal["float32", "bfloat16", "onnxruntime"]  # torch in a precision, or onnxruntime
Arrays = Mapping[str, NDArray[np.float32]]
Encode = Callable[[NDArray[np.float32]], Arrays]  # images (1, 3, S, S) -> features


@dataclass(frozen=True)
class Tuning:
    """What was found, for each way that there is.

    Attributes:
        seconds: CPU time for one image.
        ious: mean, of masks to those of float32.
    """

    seconds: dict[Way, float]
    ious: dict[Way, float]

    @property
    def way(self) -> Way:
        """The cheapest whose masks are the same."""
        return min((way for way, iou in self.ious.items() if iou >= LEAST_IOU), key=lambda way: self.seconds[way])


def measure(model: PromptableModel, images: Iterable[NDArray[np.uint8]], onnx: Encode) -> Tuning:
    """Encode RGB images (H, W, 3) in every way, and compare the masks of a grid of clicks.

    Args:
        model: whose encoder runs.
        images: to measure on.
        onnx: the same encoder in onnxruntime.

    Raises:
        InvalidInput: when there is no image.
    """
    predictor = Predictor(model)
    ways: dict[Way, Encode] = {"float32": _in_torch(model, "float32"), "onnxruntime": onnx}
    if cpu_multiplies_bfloat16():  # elsewhere it would be emulated, slowly
        ways["bfloat16"] = _in_torch(model, "bfloat16")
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    ious: dict[Way, list[float]] = {way: [] for way in ways}
    for image in images:
        height, width, _ = image.shape
        geometry = model.config.geometry(height, width)
        pixels = to_model_input(image, model.config)[None].numpy()
        points = point_grid(POINTS_PER_SIDE) * (width, height)
        masks: NDArray[np.bool_] | None = None  # from float32, which comes first
        chosen = np.zeros(len(points), np.intp)
        for way, encode in ways.items():
            features = _timed(encode, pixels, seconds[way])
            embedding = {name: torch.from_numpy(values) for name, values in features.items()}
            answers, scores, _ = predictor.predict_batch(
                points[:, None], np.ones((len(points), 1), np.int64), image=ImageEmbedding(embedding, geometry)
            )
            if masks is None:
                chosen = scores.argmax(1)
                masks = answers[np.arange(len(points)), chosen] > 0
            found = answers[np.arange(len(points)), chosen] > 0
            common, union = (masks & found).sum((1, 2)), (masks | found).sum((1, 2))
            ious[way] += [float(c / u) if u else 1.0 for c, u in zip(common, union, strict=True)]
    if not ious["float32"]:
        raise InvalidInput("There is no image to measure on.", hint="Give a folder with some photos.")
    return Tuning(
        {way: float(np.median(spent)) for way, spent in seconds.items()},
        {way: float(np.mean(found)) for way, found in ious.items()},
    )


def choose(installed: InstalledModel, way: Way) -> InstalledModel:
    """Put the choice on the card of an installed model; without a change nothing is written.

    Raises:
        InvalidInput: for a bundled model, whose card is part of the package.
    """
    runtime: CpuRuntime = "onnxruntime" if way == "onnxruntime" else "torch"
    precision: Precision = installed.card.cpu_precision if way == "onnxruntime" else way
    card = installed.card.model_copy(update={"cpu_precision": precision, "cpu_runtime": runtime})
    if card == installed.card:
        return installed
    if installed.bundled:
        raise InvalidInput(
            f"{installed.name} came with Limner, and so did its card.",
            hint="Install a copy to tune it for this machine: limner models add FILE --name NAME",
        )
    path = installed.weights.parent / CARD_FILE
    write_file(path, (card.model_dump_json(indent=2) + "\n").encode())
    return InstalledModel(card, installed.weights, installed.bundled)


def _in_torch(model: PromptableModel, precision: Precision) -> Encode:
    @torch.inference_mode()
    def encode(images: NDArray[np.float32]) -> Arrays:
        with computing_in(precision, CPU):
            features = model.encode(channels_last(torch.from_numpy(images)))
        return {name: np.ascontiguousarray(values.float().numpy()) for name, values in features.items()}

    return encode


def _timed(encode: Encode, images: NDArray[np.float32], spent: list[float]) -> Arrays:
    if not spent:
        encode(images)  # the first time takes longer
    started = time.process_time()
    features = encode(images)
    spent.append(time.process_time() - started)
    return features
