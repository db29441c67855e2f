"""A round of learning on what was collected: the model fine-tuned and a detector trained, as the product does it."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from limner.bench.engine.annotator import Mask
from limner.heads.detector import Detector, DetectorConfig
from limner.models.registry import LoadedModel
from limner.sam.model import PromptableModel
from limner.segment.predictor import Predictor
from limner.train.config import Photos
from limner.train.detector.choosing import Choosing, Chosen, General
from limner.train.detector.examples import UNKNOWN, Example, Read
from limner.train.finetune.adapt import Adaptation
from limner.train.finetune.settings import suggested_config
from limner.train.finetune.tuning import finetune
from limner.train.photos import Photo
from limner.train.projects import write_photo
from limner.vocabulary import rle


@dataclass(frozen=True)
class Collected:
    """A photo with the masks that the annotator kept, which is all that learning sees of it."""

    photo: Photo
    masks: Sequence[Mask]

    def segmentations(self) -> tuple[rle.Rle, ...]:
        """The masks as they are stored, those without pixels left out."""
        encoded = (rle.encode(mask) for mask in self.masks if mask.any())
        return tuple(encoded)


@dataclass(frozen=True)
class Recipe:
    """How a round learns.

    Attributes:
        detector_steps: of the detector at most, of four images each.
        model_steps: of fine-tuning; 0: the model stays as it is.
        views: of each photo that fine-tuning sees.
        rate: of fine-tuning, at its peak; the usual one when None.
        threads: on the CPU.
        seed: of the detector's chance.
    """

    detector_steps: int = 150
    model_steps: int = 60
    views: int = 4
    rate: float | None = None
    threads: int = 1
    seed: int = 0


def learn_detector(
    predictor: Predictor,
    examples: Sequence[Example],
    read: Read,
    collected: Sequence[Collected],
    recipe: Recipe,
    general: Detector | None,
    folder: Path,
) -> tuple[Chosen, float]:
    """A detector of what was collected, and the seconds that trials and training took.

    Args:
        predictor: the model whose embeddings it reads.
        examples: the photos, in the same order; their own masks are not looked at.
        read: gives their embeddings.
        collected: the masks that are.
        recipe: how.
        general: what it begins with, and is compared with.
        folder: must not exist; has what is not finished.
    """
    drawn = [
        dataclasses.replace(example, masks=masks, categories=(UNKNOWN,) * len(masks))
        for example, each in zip(examples, collected, strict=True)
        if (masks := each.segmentations())
    ]
    wanted = DetectorConfig(predictor.model.config.image_size, predictor.model.config.features)
    known = None if general is None else General("general", general)
    folder.mkdir(parents=True)
    began = time.monotonic()
    chosen = Choosing(wanted, drawn, read, known, folder, steps=recipe.detector_steps, seed=recipe.seed).run()
    return chosen, time.monotonic() - began


def learn_model(
    parent: LoadedModel, collected: Sequence[Collected], folder: Path, recipe: Recipe
) -> tuple[LoadedModel, float]:
    """A version of the model with its decoder fine-tuned on what was collected, and the seconds that it took.

    Args:
        parent: stays as it is.
        collected: photos with masks.
        folder: must not exist; has what the run writes, and afterwards the new weights.
        recipe: how.

    Raises:
        KeyboardInterrupt: somebody stopped it.
    """
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for each in collected:
        if masks := each.segmentations():
            photo = each.photo
            data = photo.image_path.read_bytes()
            write_photo(photos, photo.sha256, photo.size, data, masks, photo.source)
    config = suggested_config(
        parent.model.config,
        "decoder",
        output=folder / "run",
        photos=Photos(share=1.0, folders=(photos,)),
        steps=recipe.model_steps,
        rate=recipe.rate,
        threads=recipe.threads,
    )
    began, steps = time.monotonic(), 0

    def count(step: int, loss: float) -> None:
        nonlocal steps
        steps = step

    weights = finetune(
        copy.deepcopy(parent.model),
        parent.weights_sha256,
        config,
        Adaptation("decoder"),
        views=recipe.views,
        measures=False,
        on_step=count,
    )
    if steps < recipe.model_steps:  # a signal ends fine-tuning early, with what it has learned so far
        raise KeyboardInterrupt
    seconds = time.monotonic() - began
    tuned = _with_weights(parent.model, weights)
    return dataclasses.replace(parent, model=tuned), seconds


def _with_weights(parent: PromptableModel, weights: Path) -> PromptableModel:
    """A copy of a model with other weights, in evaluation mode."""
    model = copy.deepcopy(parent)
    kept = {name: value.float() for name, value in load_file(weights).items()}
    counters = {name: value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
    model.load_state_dict(counters | kept)
    return model.eval()
