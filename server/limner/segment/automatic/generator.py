"""All masks of an image, from a regular grid of points: the "segment everything" of the SAM paper.

The work is done in the order that spares most of it: predicted IoU decides before the decoder makes a mask, stability
on the pixels of the mask's box, and only what is left after suppression becomes a mask. Until then a mask is kept as
its low-resolution logits, so that memory does not grow with the size of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidInput
from limner.sam.model import PromptableModel
from limner.segment.automatic.boxes import cut_by_crop
from limner.segment.automatic.candidates import (
    Masked,
    Outlined,
    masked,
    stable_outline,
    suppressed,
    without_small_regions,
)
from limner.segment.automatic.decoding import PointDecoder
from limner.segment.automatic.grid import Crop, crops_of, point_grid, points_per_side_of_stride
from limner.segment.automatic.in_order import in_order
from limner.segment.automatic.resample import Upsampler
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary import rle

OutputMode = Literal["binary_mask", "uncompressed_rle", "coco_rle"]
Progress = Callable[[int, int], None]


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


class AutomaticMaskGenerator:
    """Find the masks of everything in an image.

    Args:
        model: an installed model's name, a weights file, a model, or a :class:`Predictor`.
        points_per_side: points along each side of the grid; None when ``points_stride`` says it.
        points_per_batch: points between two reports of progress; on an accelerator they are decoded at once, which
            bounds its memory.
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
        threads: batches that are worked on at once. Points are decoded one by one, which torch's own threads hardly
            speed up: with ``torch.set_num_threads(1)``, as many threads as cores are faster.

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
        threads: int = 1,
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
        self.threads = threads

    def generate(self, image: NDArray[np.uint8], on_progress: Progress | None = None) -> list[AutomaticMask]:
        """All masks of an RGB image (H, W, 3) uint8.

        Args:
            image: the pixels.
            on_progress: called with (points done, points in all) after every batch; raise in it to cancel.
        """
        height, width, _ = image.shape

        def embed(crop: Crop) -> ImageEmbedding:
            x0, y0, x1, y1 = crop.box
            return self.predictor.embed(np.ascontiguousarray(image[y0:y1, x0:x1]))

        return self._generate(height, width, self.crop_n_layers, embed, on_progress)

    def generate_from(self, embedding: ImageEmbedding, on_progress: Progress | None = None) -> list[AutomaticMask]:
        """As :meth:`generate`, of an image that is encoded already; without crops.

        Args:
            embedding: of the whole image.
            on_progress: as for :meth:`generate`.
        """
        height, width = embedding.image_size
        return self._generate(height, width, 0, lambda _: embedding, on_progress)

    def _generate(
        self,
        height: int,
        width: int,
        layers: int,
        embed: Callable[[Crop], ImageEmbedding],
        on_progress: Progress | None,
    ) -> list[AutomaticMask]:
        crops = crops_of(height, width, layers, self.crop_overlap_ratio)
        grids = [self._grid(crop) for crop in crops]
        total, done = sum(map(len, grids)), 0
        found: list[Masked] = []
        for crop, grid in zip(crops, grids, strict=True):
            embedding = embed(crop)
            upsampler = Upsampler(embedding.geometry, self.predictor.model.config.low_res_size)
            decode = PointDecoder(self.predictor, embedding, self.pred_iou_thresh, upsampler.needed_cells)
            in_crop: list[Outlined] = []
            batches = [
                grid[start : start + self.points_per_batch] for start in range(0, len(grid), self.points_per_batch)
            ]
            outline_batch = partial(
                self._outlined, crop=crop, decode=decode, upsampler=upsampler, height=height, width=width
            )
            with closing(in_order(outline_batch, batches, self.threads)) as results:
                for points, outlined in zip(batches, results, strict=True):
                    in_crop += outlined
                    done += len(points)
                    if on_progress is not None:
                        on_progress(done, total)
            best = suppressed(in_crop, [c.predicted_iou for c in in_crop], self.box_nms_thresh)
            found += [masked(candidate, upsampler, height, width) for candidate in best]
        if len(crops) > 1:
            found = suppressed(found, [1 / c.crop.area for c in found], self.crop_nms_thresh)
        if self.min_mask_region_area > 0:
            alike = max(self.box_nms_thresh, self.crop_nms_thresh)
            found = without_small_regions(found, self.min_mask_region_area, alike)
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

    def _outlined(
        self,
        points: NDArray[np.float64],
        crop: Crop,
        decode: PointDecoder,
        upsampler: Upsampler,
        height: int,
        width: int,
    ) -> list[Outlined]:
        """Of points (B, 2) in pixels of the crop, the masks that pass the filters of an image (height, width)."""
        candidates = []
        for rated in decode(points):
            x, y = points[rated.index] + crop.box[:2]
            candidate = stable_outline(
                rated.low_res,
                upsampler,
                crop,
                rated.predicted_iou,
                (float(x), float(y)),
                self.stability_score_offset,
                self.stability_score_thresh,
            )
            if candidate is not None:
                candidates.append(candidate)
        boxes = np.asarray([c.box for c in candidates], np.float64).reshape(-1, 4)
        cut = cut_by_crop(boxes, crop, height, width)
        return [candidate for candidate, is_cut in zip(candidates, cut, strict=True) if not is_cut]

    def _record(self, candidate: Masked) -> AutomaticMask:
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
