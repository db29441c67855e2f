"""A run of fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from limner.errors import InvalidFile
from limner.sam.model import PromptableModel
from limner.train.config import TrainConfig
from limner.train.finetune.adapt import Adaptation, adapt_model, merged
from limner.train.finetune.embeddings import CachedSubject, EmbeddingCache
from limner.train.finetune.views import ViewBatches
from limner.train.loop import WEIGHTS, Task, run
from limner.train.parallel import Group
from limner.train.photos import PhotoPool, find_photos
from limner.train.projects import with_projects
from limner.train.state import TrainingState, save_weights


def finetune(
    model: PromptableModel,
    weights_sha256: str,
    config: TrainConfig,
    adaptation: Adaptation,
    *,
    views: int = 4,
    resume: bool = False,
    measures: bool = True,
    on_encoded: Callable[[int, int], object] = lambda done, total: None,
    on_step: Callable[[int, float], object] = lambda step, loss: None,
) -> Path:
    """Adapt a model to the photos that the configuration names; returns the new weights file.

    Args:
        model: any one behind the seam, with weights; it is changed.
        weights_sha256: of the file that the weights came from.
        config: of which `model`, `scenes` and `processes` do not count.
        adaptation: what learns.
        views: of each photo, for a frozen encoder; others see fresh views at every step.
        resume: go on from the checkpoint in the output folder.
        measures: whether held-out photos are measured before and after.
        on_encoded: told, of a frozen encoder, how many of how many views have an embedding.
        on_step: told the number of steps done, and the last one's loss.

    Raises:
        NotFound, InvalidInput, InvalidFile: for data or a checkpoint that cannot be used.
        Diverged: when a loss is no number; the checkpoint of the last good state stays.
    """
    torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.run.seed)
    device = torch.device(config.run.device)
    config = with_projects(config)
    if config.photos is None:
        raise InvalidFile("There are no photos to learn from.", hint="Name a folder or a project.")
    photos = find_photos(config.photos.folders)
    pool = PhotoPool(photos, config.photos.balance)
    adapt_model(model, adaptation)
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.eval()
    stride = model.config.image_size // model.config.low_res_size
    held_out = [photo for photo in photos if photo.held_out]

    def write(tuned: PromptableModel, path: Path, steps: int) -> None:
        family = model.config.family
        metadata = {"format": "limner-weights-1", "family": family, "steps": str(steps), "from": weights_sha256}
        save_weights(merged(tuned), path, metadata, torch.float16 if family == "samlet" else torch.float32)

    if adaptation.adapt == "decoder":
        cache = EmbeddingCache(config.run.output / "embeddings", weights_sha256)
        batches = ViewBatches(config, pool, stride, views, cache, fit=model.config.fit)
        batches.fill_cache(model, on_encoded)
        task = Task(
            batches,
            lambda: held_out,
            write,
            lambda tuned: CachedSubject(tuned, cache),
            moving_statistics=False,
            validate_ends=measures,
            told=on_step,
        )
    else:
        batches = ViewBatches(config, pool, stride, fit=model.config.fit)
        task = Task(batches, lambda: held_out, write, moving_statistics=False, validate_ends=measures, told=on_step)
    origin = {"weights": weights_sha256, "adapt": adaptation.adapt, "rank": str(adaptation.rank)}
    run(config, task, TrainingState(model, None, config.schedule, origin), Group(device=device), resume)
    return config.run.output / WEIGHTS
