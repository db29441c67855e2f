"""From points on one encoded image to those of their masks that the model rates well enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.sam.model import DecoderPrompt, ModelConfig
from limner.segment.automatic.resample import Logits
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor


@dataclass(frozen=True)
class Rated:
    """One mask for an ambiguous prompt.

    Attributes:
        index: of the point that it answers.
        predicted_iou: the model's own rating.
        low_res: (G, G), logits.
    """

    index: int
    predicted_iou: float
    low_res: Logits


def valid_cells(config: ModelConfig, needed_cells: tuple[int, int]) -> Tensor:
    """Rows and columns of the embedding that show the image, of those of the logits: decoders may leave out padding."""
    stride = config.low_res_size // config.cells[0]
    return torch.tensor([-(-cells // stride) for cells in needed_cells])


class PointDecoder:
    """Answers single foreground points on one image.

    Args:
        predictor: whose model answers.
        embedding: of the image.
        least_iou: masks that the model rates at or below this are not wanted, and their logits not computed where the
            decoder can tell beforehand.
        needed_cells: rows and columns of the grid of logits that show the image; the others are not computed either.
    """

    def __init__(
        self, predictor: Predictor, embedding: ImageEmbedding, least_iou: float, needed_cells: tuple[int, int]
    ) -> None:
        self._predictor, self._embedding, self._least_iou = predictor, embedding, least_iou
        valid_size = valid_cells(predictor.model.config, needed_cells)
        self._prepared: tuple[Tensor, ...] | None = None
        if predictor.device.type == "cpu":
            with torch.inference_mode():
                self._prepared = predictor.split.prepare(embedding.features, valid_size)

    def __call__(self, points: NDArray[np.float64]) -> Iterator[Rated]:
        """Points (B, 2) in pixels of the image -> the masks that are rated well enough, point by point."""
        coords = np.zeros((len(points), 2, 2), np.float32)  # the second point is SAM's padding
        coords[:, 0] = self._embedding.geometry.to_model(points)
        labels = np.tile(np.asarray([1, -1], np.float32), (len(points), 1))
        if self._prepared is not None:
            return self._one_by_one(self._prepared, torch.from_numpy(coords), torch.from_numpy(labels))
        return self._together(torch.from_numpy(coords), torch.from_numpy(labels))

    def _one_by_one(self, prepared: tuple[Tensor, ...], coords: Tensor, labels: Tensor) -> Iterator[Rated]:
        """On a CPU, where one prompt's work fits into the cache and prompts together gain nothing."""
        config = self._predictor.model.config
        wanted = list(config.masks.chosen(multimask=True))
        for index in range(len(coords)):
            one = slice(index, index + 1)
            prompt = DecoderPrompt.of_points(coords[one], labels[one], config.low_res_size)
            with torch.inference_mode():
                low_res, scores = self._predictor.split.decode_above(self._least_iou, prepared, prompt)
            ratings = scores[0, wanted].numpy()
            for rating, logits in zip(ratings[ratings > self._least_iou], low_res.numpy(), strict=True):
                yield Rated(index, float(rating), logits)

    def _together(self, coords: Tensor, labels: Tensor) -> Iterator[Rated]:
        """An accelerator would rather have many prompts at once than little to do for each."""
        model, device = self._predictor.model, self._predictor.device
        prompt = DecoderPrompt.of_points(coords.to(device), labels.to(device), model.config.low_res_size)
        ambiguous = list(model.config.masks.chosen(multimask=True))
        with torch.inference_mode():
            low_res, scores = model.decode(self._embedding.features, prompt)
            low_res, scores = low_res[:, ambiguous].float(), scores[:, ambiguous].float()
            wanted = scores > self._least_iou  # (B, K)
            found = low_res[wanted].cpu().numpy()  # only these travel
            ratings = scores[wanted].cpu().numpy()
            indices = wanted.nonzero()[:, 0].tolist()
        for index, rating, logits in zip(indices, ratings, found, strict=True):
            yield Rated(index, float(rating), logits)
