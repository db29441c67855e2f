"""How good masks are after so many clicks, by the standard protocol of interactive segmentation.

The first click goes to the point of the object farthest from its boundary, every further one to the middle of the
largest error; with jitter, somewhere near. A model is given its previous logits back. Overall figures are means over
sources, so that a large source does not drown a small one.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from typing import Protocol as Interface

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from limner.errors import InvalidFile
from limner.sam.model import DecoderPrompt, Features, PromptableModel
from limner.sam.transforms import to_model_input
from limner.train.clicks import correcting_click, deepest_point, likely_point, tight_box
from limner.train.photos import Photo
from limner.train.scenes import Scene, SceneGenerator
from limner.vocabulary.geometry import upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.vocabulary.tidying import tidy_logits

Results = dict[str, list[dict[str, float]]]  # by source: for each mask the IoUs, as evaluate_mask gives them
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]
SCENES_SEED = 2**40  # of the scenes to measure on; runs have seeds below it
SCENES_SOURCE = "scenes"
SMALLEST_IN_SCENE = 2e-3  # of the image: smaller masks of scenes are not asked for
MAX_CLICKS = 20  # of the NoC measures; an object not segmented well by then counts as this many


class Subject(Interface):
    """What can be measured: a model, or a classical method."""

    clicks: bool  # whether it answers clicks
    boxes: bool  # whether it answers boxes

    def open(self, image: Image) -> None:
        """The image (H, W, 3) that the next prompts are about."""

    def answer(self, prompts: Prompts, previous: Any) -> tuple[Mask, Any]:
        """A mask (H, W), and whatever it wants back with the next click on the same object."""


class Sample(Interface):
    """An image with masks to measure on: a `Photo`, a `SceneSample`."""

    @property
    def source(self) -> str:
        """Where it comes from; figures are first averaged over a source."""

    def image(self) -> Image:
        """RGB (H, W, 3)."""

    def masks(self) -> list[Mask]:
        """(H, W) each."""


class SceneSample:
    """A procedural scene, made when it is looked at."""

    source = SCENES_SOURCE

    def __init__(self, scenes: SceneGenerator, number: int, size: int):
        self.scenes, self.number, self.size = scenes, number, size

    @cached_property
    def _scene(self) -> Scene:
        return self.scenes.scene(self.number, self.size)

    def image(self) -> Image:
        return self._scene.image

    def masks(self) -> list[Mask]:
        return self._scene.masks(SMALLEST_IN_SCENE)


@dataclass(frozen=True)
class Protocol:
    """What to measure."""

    clicks: tuple[int, ...] = (1, 3, 5)
    box: bool = False
    fill: bool = False  # with boxes: how much of its box the answer covers, and the mask that was wanted
    jitter: bool = False  # clicks where people might click instead of in the middle: see `likely_point`
    noc: bool = False  # clicks until IoU 0.85 and 0.90, at most 20
    masks_per_image: int | None = None  # evenly spread over the image's masks; all when None

    @property
    def most_clicks(self) -> int:
        return MAX_CLICKS if self.noc else max(self.clicks, default=0)


@dataclass(frozen=True)
class SourceReport:
    """Means over the masks of one source. A figure that the subject cannot give is left out."""

    miou: dict[str, float]  # by number of clicks, and "box"
    masks: int
    noc: dict[str, float]  # "noc85" and "noc90"
    fill: dict[str, float]  # "fill" and "fill_wanted": shares of the box

    def to_json(self) -> dict[str, object]:
        """The form that scripts read."""
        return {"miou": self.miou, **self.noc, "masks": self.masks}


@dataclass(frozen=True)
class Report:
    """Means over sources."""

    sources: dict[str, SourceReport]
    seconds_per_mask: float

    @property
    def miou(self) -> dict[str, float]:
        return _mean_of([source.miou for source in self.sources.values()])

    @property
    def noc(self) -> dict[str, float]:
        return _mean_of([source.noc for source in self.sources.values()])

    @property
    def fill(self) -> dict[str, float]:
        return _mean_of([source.fill for source in self.sources.values()])

    def to_json(self, name: str) -> dict[str, object]:
        """The form that scripts read."""
        return {
            "model": name,
            "miou": self.miou,
            **self.noc,
            "sources": {source: report.to_json() for source, report in self.sources.items()},
            "seconds_per_mask": round(self.seconds_per_mask, 4),
        }


class ModelSubject:
    """A promptable model: one embedding per image, the previous logits given back.

    Args:
        model: the model.
        tidy: whether its masks are tidied, as on the page; the logits that it is given back are not.
        clicks_alone: whether it gets nothing but the clicks so far, as on the page; else its last answer as well.
    """

    clicks = boxes = True

    def __init__(self, model: PromptableModel, *, tidy: bool = False, clicks_alone: bool = False):
        self.model = model.eval()
        self.tidy, self.clicks_alone = tidy, clicks_alone
        self.device = next(model.parameters()).device
        self.split = model.split()

    @torch.inference_mode()
    def open(self, image: Image) -> None:
        """Encode and prepare."""
        self.geometry = self.model.config.geometry(image.shape[0], image.shape[1])
        self.prepared = self.split.prepare(self.embed(image))

    def embed(self, image: Image) -> Features:
        """What the encoder gives of an image (H, W, 3)."""
        return self.model.encode(to_model_input(image, self.model.config).to(self.device)[None])

    @torch.inference_mode()
    def answer(self, prompts: Prompts, previous: NDArray[np.float32] | None) -> tuple[Mask, NDArray[np.float32]]:
        """The mask that a user would be shown, and its logits (256, 256)."""
        if self.clicks_alone:
            prompts, previous = replace(prompts, has_mask=False), None
        config = self.model.config
        coords, labels = prompts.model_inputs(self.geometry, config.prompts.padding)
        low_res = config.low_res_size
        mask_input = np.zeros((low_res, low_res), np.float32) if previous is None else previous
        prompt = DecoderPrompt(
            torch.from_numpy(coords),
            torch.from_numpy(labels),
            torch.from_numpy(mask_input)[None, None],
            torch.tensor([float(previous is not None and config.prompts.mask)]),
        ).to(self.device)
        logits, iou = self.split.decode(self.prepared, prompt)
        shown = logits[0, choose_mask(iou[0].float().cpu().numpy(), prompts, config.masks)].float().cpu().numpy()
        tidied = tidy_logits(shown, self.geometry, prompts) if self.tidy else shown
        return upsample_logits(tidied, self.geometry) > 0, shown


def evaluate_photos(subject: Subject, photos: Sequence[Sample], protocol: Protocol, progress: bool = False) -> Report:
    """Measure a model or a baseline on photos or scenes with masks; `progress` shows a bar on standard error.

    Raises:
        InvalidFile: when there is no mask to measure on, or a photo cannot be read.
    """
    started = time.monotonic()
    results = measure(subject, photos, protocol, progress)
    return report_of(results, time.monotonic() - started)


def report_of(results: Results, seconds: float) -> Report:
    """Means of the figures of single masks, and of the seconds that they took."""
    count = sum(len(rows) for rows in results.values())
    return Report({name: _source_report(rows) for name, rows in results.items()}, seconds / count)


def measure(subject: Subject, photos: Sequence[Sample], protocol: Protocol, progress: bool = False) -> Results:
    """The figures of every single mask, by source; sources in alphabetical order, masks in that of the photos.

    Raises:
        InvalidFile: as :func:`evaluate_photos`.
    """
    results: Results = {}
    for photo in tqdm(photos, disable=not progress, unit="photo"):
        subject.open(photo.image())
        for target in _spread(photo.masks(), protocol.masks_per_image):
            results.setdefault(photo.source, []).append(evaluate_mask(subject, target, protocol))
    if not results:
        raise InvalidFile("There is no mask to measure on.")
    return {name: results[name] for name in sorted(results)}


def evaluate_mask(subject: Subject, target: Mask, protocol: Protocol) -> dict[str, float]:
    """IoU after each number of clicks asked for, "box", "noc85" and "noc90"; the subject has the image open."""
    result: dict[str, float] = {}
    if subject.clicks and protocol.most_clicks:
        ious = _click_ious(subject, target, protocol.most_clicks, protocol.jitter)
        result |= {str(clicks): ious[min(clicks, len(ious)) - 1] for clicks in protocol.clicks}
        if protocol.noc:
            result |= {"noc85": _clicks_until(ious, 0.85), "noc90": _clicks_until(ious, 0.90)}
    if subject.boxes and protocol.box:
        x0, y0, x1, y1 = (float(side) for side in tight_box(target))
        mask, _ = subject.answer(Prompts(box=(x0, y0, x1, y1)), None)
        result["box"] = mask_iou(mask, target)
        if protocol.fill:
            inside = np.s_[int(y0) : int(y1), int(x0) : int(x1)]
            result |= {"fill": float(mask[inside].mean()), "fill_wanted": float(target[inside].mean())}
    return result


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks; 0 when both are empty."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def first_of_each_source(photos: Sequence[Photo], per_source: int) -> list[Photo]:
    """At most so many photos with masks of every source, the first ones."""
    counts: dict[str, int] = {}
    sample = []
    for photo in photos:
        if photo.segmentations and counts.get(photo.source, 0) < per_source:
            counts[photo.source] = counts.get(photo.source, 0) + 1
            sample.append(photo)
    return sample


def held_out_scenes(count: int, size: int) -> list[SceneSample]:
    """Scenes that no run is trained on, always the same, `size` pixels wide and high."""
    scenes = SceneGenerator(SCENES_SEED)
    return [SceneSample(scenes, number, size) for number in range(count)]


def _click_ious(subject: Subject, target: Mask, most: int, jitter: bool) -> list[float]:
    """IoU after 1, 2, … clicks; ends early when there is nothing left to correct."""
    rng = np.random.default_rng(zlib.crc32(np.packbits(target).tobytes())) if jitter else None  # of each mask its own
    column, row = deepest_point(target)[:2] if rng is None else likely_point(target, rng)
    points, labels = [(column + 0.5, row + 0.5)], [1]
    previous: Any = None
    ious: list[float] = []
    while True:
        prompts = Prompts(points=tuple(points), labels=tuple(labels), has_mask=previous is not None)
        mask, previous = subject.answer(prompts, previous)
        ious.append(mask_iou(mask, target))
        click = correcting_click(mask, target, rng) if len(ious) < most else None
        if click is None:
            return ious
        points.append((click.x + 0.5, click.y + 0.5))
        labels.append(int(click.foreground))


def _clicks_until(ious: list[float], wanted: float) -> float:
    return float(next((index + 1 for index, iou in enumerate(ious) if iou >= wanted), MAX_CLICKS))


def _spread(masks: list[Mask], most: int | None) -> list[Mask]:
    if most is None or len(masks) <= most:
        return masks
    return [masks[index] for index in np.linspace(0, len(masks) - 1, most).round().astype(int)]


def _source_report(results: list[dict[str, float]]) -> SourceReport:
    means = _mean_of(results)
    return SourceReport(
        miou={name: value for name, value in means.items() if not name.startswith(("noc", "fill"))},
        masks=len(results),
        noc={name: value for name, value in means.items() if name.startswith("noc")},
        fill={name: value for name, value in means.items() if name.startswith("fill")},
    )


def _mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]} if rows else {}
