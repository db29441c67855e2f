"""``limner bench wire``: what is lost on the way from the encoder to the page, as IoU of masks."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner.bench.harness import progress
from limner.config import Settings
from limner.encoding.images import decode_image
from limner.encoding.wire import Dtype, EmbeddingInfo, pack, unpack
from limner.errors import InvalidInput, MissingWeights
from limner.models.registry import LoadedModel, build_model, load_model
from limner.sam.model import DecoderPrompt, Features, ModelConfig, SplitDecoder
from limner.segment.predictor import Predictor

SEED = 0
ENDINGS = (".jpg", ".jpeg", ".png")
SEEDED = "seeded weights: noise, which shows less than a trained model would of how good masks stay"


@torch.inference_mode()
def run(folder: Path, name: str, home: Path, images: int, prompts: int, form: Dtype = "packed") -> dict[str, Any]:
    """IoU of the low-resolution masks of features that travelled to those of the features that the encoder gave: of all
    candidates of every prompt, and of the one that a page would show first.

    Args:
        folder: photos.
        name: of an installed model, or of a family, whose weights are seeded then.
        home: where models are installed.
        images: photos, at most.
        prompts: on each photo.
        form: in which the features travel.

    Raises:
        InvalidInput: when there are no photos.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)[:images]
    if not paths:
        raise InvalidInput(f"{folder} holds no photos.", hint=f"They end in {', '.join(ENDINGS)}.")
    loaded = _model(name, home)
    predictor, split = Predictor(loaded), loaded.model.split().eval()
    rng = np.random.default_rng(SEED)
    found: list[float] = []
    shown: list[float] = []
    size = 0
    for number, path in enumerate(paths, start=1):
        progress(f"{number} of {len(paths)}: {path.name}")
        rgb = decode_image(path.read_bytes(), max_pixels=Settings().max_pixels).rgb
        predictor.set_image(rgb)
        exact = dict(predictor.get_image_features())
        height, width, _ = rgb.shape
        info = EmbeddingInfo("0" * 64, loaded.weights_sha256, 1, height, width, loaded.model.config.image_size)
        data = pack({each: values.numpy() for each, values in exact.items()}, info, form)
        size = max(size, len(data))
        travelled = {each: torch.from_numpy(values) for each, values in unpack(data)[0].items()}
        for ious, first in _overlaps(split, exact, travelled, _prompts(loaded.model.config, prompts, rng)):
            found += ious
            shown.append(ious[first])
    return {
        "model": loaded.name,
        "weights": SEEDED if loaded.licence == "seeded" else "installed",
        "photos": len(paths),
        "prompts": len(paths) * prompts,
        "form": form,
        "largest_bytes": size,
        **_summary("iou", found),
        **_summary("iou_shown", shown),
    }


def _summary(name: str, ious: Sequence[float]) -> dict[str, float]:
    return {
        f"{name}_mean": round(statistics.fmean(ious), 4),
        f"{name}_median": round(statistics.median(ious), 4),
        f"{name}_p5": round(float(np.percentile(ious, 5)), 4),
    }


def _model(name: str, home: Path) -> LoadedModel:
    try:
        return load_model(name, home)
    except MissingWeights:
        return LoadedModel(build_model(name, SEED), name, "0" * 64, licence="seeded")


def _overlaps(
    split: SplitDecoder, exact: Features, other: Features, prompts: Iterable[DecoderPrompt]
) -> Iterator[tuple[list[float], int]]:
    """For each prompt the IoU of every candidate, and which of them has the best predicted IoU."""
    right, found = split.prepare(exact), split.prepare(other)
    for prompt in prompts:
        (expected, predicted), (masks, _) = (split.decode(prepared, prompt) for prepared in (right, found))
        wanted, got = expected[0] > 0, masks[0] > 0
        both, either = (wanted & got).sum((1, 2)), (wanted | got).sum((1, 2))
        yield torch.where(either > 0, both / either.clamp(min=1), 1.0).tolist(), int(predicted[0].argmax())


def _prompts(config: ModelConfig, count: int, rng: np.random.Generator) -> Iterator[DecoderPrompt]:
    """A point, two points and a box in turn, anywhere in the model's square."""
    for number in range(count):
        points = 1 if number % 3 == 0 else 2
        coords: NDArray[np.float32] = rng.uniform(0, config.image_size, (points, 2)).astype(np.float32)
        labels = [1.0] * points
        if number % 3 == 2:
            coords, labels = np.sort(coords, axis=0), [2.0, 3.0]
        if number % 3 != 2 or config.prompts.padding == "always":
            coords, labels = np.vstack([coords, np.zeros((1, 2), np.float32)]), [*labels, -1.0]
        yield DecoderPrompt.of_points(torch.from_numpy(coords)[None], torch.tensor([labels]), config.low_res_size)
