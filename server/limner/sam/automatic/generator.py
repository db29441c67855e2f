"""All masks of an image, from a regular grid of points: the "segment everything" of the SAM paper.

Predicted IoU filters before anything is upsampled, and what remains is upsampled only inside its box, so memory stays
bounded by the batch and not by the number of masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from limner import rle
from limner.errors import InvalidInput
from limner.sam.automatic.boxes import cut_by_crop, suppress
from limner.sam.automatic.grid import Crop, crops_of, point_grid, points_per_side_of_stride
from limner.sam.automatic.regions import remove_small_regions
from limner.sam.automatic.resample import Region, Upsampler
from limner.sam.model import PromptableModel
from limner.sam.predictor import ImageEmbedding, Predictor

OutputMode = Literal["binary_mask", "uncompressed_rle", "coco_rle"]
Progress = Callable[[int, int], None]
Decoder = Callable[[NDArray[np.float64]], tuple[NDArray[np.float32], NDArray[np.float32]]]

MASK_THRESHOLD = 0.0  # logits


class AutomaticMask(TypedDict):
    """One mask as users of the original generator know it. ``bbox`` is [x, y, width, height] of the mask's pixels."""

    segmentation: NDArray[np.bool_] | rle.Rle | dict[str, list[int]]
    area: int
    bbox: list[int]
    predicted_iou: float
    point_coords: list[list[float]]
    stability_score: float
    crop_box: list[int]
    id: NotRequired[int]


@dataclass(frozen=True)
class Candidate:
    """A mask on its way through the filters; everything in image pixels.

    Attributes:
        box: x0, y0, x1, y1 of its first and last pixels, as the reference suppresses by.
        crop: where it was found.
    """

    mask: rle.Rle
    box: tuple[int, int, int, int]
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop: Crop


class AutomaticMaskGenerator:
    """Find the masks of everything in an image.

    Args:
        model: an installed model's name, a weights file, a model, or a :class:`Predictor`.
        points_per_side: points along each side of the grid; None when ``points_stride`` says it.
        points_per_batch: points decoded at once; bounds memory.
        pred_iou_thresh: masks that the model itself rates at or below this are dropped. This and the next two are by
            default what the model's card recommends; for SAM the original's 0.88, 0.95 and 1.0.
        stability_score_thresh: masks whose IoU between the logit thresholds ±``stability_score_offset`` is lower are
            dropped.
        stability_score_offset: of the logits.
        box_nms_thresh: of two boxes in one crop that overlap more, the better rated stays.
        crop_n_layers: layers of crops (2^i × 2^i each) beyond the whole image.
        crop_nms_thresh: as ``box_nms_thresh``, between crops; masks of smaller crops win.
        crop_overlap_ratio: overlap of crops in layer 1, as a share of the shorter side.
        crop_n_points_downscale_factor: layer i has points_per_side divided by this to the power of i.
        point_grids: explicit grids, one (N, 2) array in the unit square per layer, instead of points_per_side.
        min_mask_region_area: holes and islands smaller than this are filled or dropped, in pixels.
        output_mode: the form of ``segmentation``.
        points_stride: distance of grid points in image pixels, instead of points_per_side.

    Raises:
        InvalidInput: when not exactly one of points_per_side, points_stride and point_grids is given.
    """

    def __init__(
        self,
        model: PromptableModel | Predictor | str | Path = "samlet",
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float | None = None,
        stability_score_thresh: float | None = None,
        stability_score_offset: float | None = None,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[NDArray[np.float64]] | None = None,
        min_mask_region_area: int = 0,
        output_mode: OutputMode = "binary_mask",
        *,
        points_stride: float | None = None,
    ) -> None:
        given = [points_per_side is not None, points_stride is not None, point_grids is not None]
        if sum(given) != 1:
            raise InvalidInput(
                "The grid of points is not clear.",
                hint="Give exactly one of points_per_side, points_stride and point_grids; set the others to None.",
            )
        self.predictor = model if isinstance(model, Predictor) else Predictor(model)
        self.points_per_side = points_per_side
        self.points_stride = points_stride
        self.point_grids = point_grids
        self.points_per_batch = points_per_batch
        card = self.predictor.automatic
        self.pred_iou_thresh = _given(pred_iou_thresh, card.pred_iou_thresh)
        self.stability_score_thresh = _given(stability_score_thresh, card.stability_score_thresh)
        self.stability_score_offset = _given(stability_score_offset, card.stability_score_offset)
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.crop_n_points_downscale_factor = crop_n_points_downscale_factor
        self.min_mask_region_area = min_mask_region_area
        self.output_mode = output_mode

    def generate(self, image: NDArray[np.uint8], on_progress: Progress | None = None) -> list[AutomaticMask]:
        """All masks of an RGB image (H, W, 3) uint8.

        Args:
            image: the pixels.
            on_progress: called with (points done, points in all) after every batch; raise in it to cancel.
        """
        height, width, _ = image.shape
        crops = crops_of(height, width, self.crop_n_layers, self.crop_overlap_ratio)
        grids = [self._grid(crop) for crop in crops]
        total, done = sum(map(len, grids)), 0
        found: list[Candidate] = []
        for crop, grid in zip(crops, grids, strict=True):
            in_crop: list[Candidate] = []
            for batch, candidates in self._search(image, crop, grid):
                in_crop += candidates
                done += batch
                if on_progress is not None:
                    on_progress(done, total)
            found += _suppressed(in_crop, [c.predicted_iou for c in in_crop], self.box_nms_thresh)
        if len(crops) > 1:
            found = _suppressed(found, [1 / c.crop.area for c in found], self.crop_nms_thresh)
        if self.min_mask_region_area > 0:
            found = self._without_small_regions(found)
        return [self._record(candidate) for candidate in found]

    def _grid(self, crop: Crop) -> NDArray[np.float64]:
        """Points (N, 2) for one crop, in pixels of the crop."""
        height, width = crop.size
        if self.point_grids is not None:
            unit = np.asarray(self.point_grids[crop.layer], np.float64)
        elif self.points_stride is not None:
            unit = point_grid(points_per_side_of_stride(height, width, self.points_stride))
        else:
            per_side = int((self.points_per_side or 1) / self.crop_n_points_downscale_factor**crop.layer)
            unit = point_grid(max(1, per_side))
        return unit * (width, height)

    def _search(
        self, image: NDArray[np.uint8], crop: Crop, grid: NDArray[np.float64]
    ) -> Iterator[tuple[int, list[Candidate]]]:
        """For each batch of points: how many points it had, and the masks that passed the filters."""
        x0, y0, x1, y1 = crop.box
        level = MASK_THRESHOLD - self.stability_score_offset
        embedding = self.predictor.embed(np.ascontiguousarray(image[y0:y1, x0:x1]))
        decode = self._decoder(embedding)
        upsampler = Upsampler(embedding.geometry, self.predictor.model.config.low_res_size)
        height, width, _ = image.shape
        for start in range(0, len(grid), self.points_per_batch):
            points = grid[start : start + self.points_per_batch]
            low_res, scores = decode(points)  # (B, 3, G, G), (B, 3)
            candidates = []
            for row, column in zip(*np.nonzero(scores > self.pred_iou_thresh), strict=True):
                region = upsampler.region(low_res[row, column], level)
                if region is None:
                    continue
                stability = self._stability(region)
                if stability < self.stability_score_thresh or not (region.logits > MASK_THRESHOLD).any():
                    continue
                mask = _place(region, crop, height, width)
                point = float(points[row, 0] + x0), float(points[row, 1] + y0)
                score = float(scores[row, column])
                candidates.append(Candidate(mask, _corners(mask), score, stability, point, crop))
            boxes = np.asarray([c.box for c in candidates], np.float64).reshape(-1, 4)
            cut = cut_by_crop(boxes, crop, height, width)
            yield len(points), [c for c, is_cut in zip(candidates, cut, strict=True) if not is_cut]

    def _decoder(self, embedding: ImageEmbedding) -> Decoder:
        """What answers points (B, 2) on one image: the three ambiguity masks (B, 3, G, G) and their scores (B, 3)."""
        model, device = self.predictor.model, self.predictor.device
        side = model.config.low_res_size
        with torch.inference_mode():
            prepared = None if device.type != "cpu" else self.predictor.split.prepare(embedding.embeddings)

        @torch.inference_mode()
        def decode(points: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            count = len(points)
            coords = np.zeros((count, 2, 2), np.float32)  # the second point is SAM's padding
            coords[:, 0] = embedding.geometry.to_model(points)
            labels = np.tile(np.asarray([1, -1], np.float32), (count, 1))
            prompts = (
                torch.from_numpy(coords).to(device),
                torch.from_numpy(labels).to(device),
                torch.zeros(1, 1, side, side, device=device).expand(count, -1, -1, -1),
                torch.zeros(count, device=device),
            )
            if prepared is None:  # an accelerator would rather have many prompts at once than little to do for each
                low_res, scores = model.decode(embedding.embeddings, *prompts)
                return low_res[:, 1:].float().cpu().numpy(), scores[:, 1:].float().cpu().numpy()
            low_res_masks = np.empty((count, model.config.num_masks - 1, side, side), np.float32)
            iou_predictions = np.empty((count, model.config.num_masks - 1), np.float32)
            for index in range(count):
                one = tuple(tensor[index : index + 1] for tensor in prompts)
                low_res, scores = self.predictor.split.decode(prepared, *one)
                low_res_masks[index], iou_predictions[index] = low_res[0, 1:].numpy(), scores[0, 1:].numpy()
            return low_res_masks, iou_predictions

        return decode

    def _stability(self, region: Region) -> float:
        """IoU of the masks at the two thresholds; the stricter one lies inside the looser one."""
        inner = np.count_nonzero(region.logits > MASK_THRESHOLD + self.stability_score_offset)
        outer = np.count_nonzero(region.logits > MASK_THRESHOLD - self.stability_score_offset)
        return inner / outer if outer else 0.0

    def _without_small_regions(self, candidates: list[Candidate]) -> list[Candidate]:
        """Fill small holes, drop small islands; of masks that became alike, those that were clean before stay."""
        cleaned, untouched = [], []
        for candidate in candidates:
            mask, changed = remove_small_regions(rle.decode(candidate.mask), self.min_mask_region_area)
            if changed:
                encoded = rle.encode(mask)
                candidate = Candidate(
                    encoded,
                    _corners(encoded),
                    candidate.predicted_iou,
                    candidate.stability_score,
                    candidate.point,
                    candidate.crop,
                )
            cleaned.append(candidate)
            untouched.append(float(not changed))
        return _suppressed(cleaned, untouched, max(self.box_nms_thresh, self.crop_nms_thresh))

    def _record(self, candidate: Candidate) -> AutomaticMask:
        x0, y0, x1, y1 = candidate.crop.box
        segmentation: NDArray[np.bool_] | rle.Rle | dict[str, list[int]] = candidate.mask
        if self.output_mode == "binary_mask":
            segmentation = rle.decode(candidate.mask)
        elif self.output_mode == "uncompressed_rle":
            segmentation = {"size": candidate.mask["size"], "counts": rle.counts_of(candidate.mask).tolist()}
        return AutomaticMask(
            segmentation=segmentation,
            area=rle.area(candidate.mask),
            bbox=rle.bbox(candidate.mask),
            predicted_iou=candidate.predicted_iou,
            point_coords=[list(candidate.point)],
            stability_score=candidate.stability_score,
            crop_box=[x0, y0, x1 - x0, y1 - y0],
        )


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _place(region: Region, crop: Crop, height: int, width: int) -> rle.Rle:
    """The region's mask in the whole image."""
    inside = region.logits > MASK_THRESHOLD
    top, left = crop.box[1] + region.top, crop.box[0] + region.left
    mask = np.zeros((height, width), np.bool_)
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return rle.encode(mask)


def _corners(mask: rle.Rle) -> tuple[int, int, int, int]:
    """First and last column and row: the reference's boxes, one pixel short of COCO's at the far side."""
    x, y, width, height = rle.bbox(mask)
    return x, y, x + max(width - 1, 0), y + max(height - 1, 0)


def _suppressed(candidates: list[Candidate], scores: list[float], threshold: float) -> list[Candidate]:
    boxes = np.asarray([candidate.box for candidate in candidates], np.float64).reshape(-1, 4)
    return [candidates[index] for index in suppress(boxes, np.asarray(scores, np.float64), threshold)]
