"""What fine-tuning does when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

from limner.sam.model import ModelConfig
from limner.train.config import Photos, Project, PromptMix, Run, Schedule, Size, TrainConfig, Validation
from limner.train.finetune.adapt import Adapt

RATES: dict[Adapt, float] = {"decoder": 3e-4, "encoder": 3e-4, "lora": 3e-4}
LARGE = 1024  # px, from which on a step has one image only
IMAGES = 4  # per step, of smaller models


def suggested_config(
    model: ModelConfig,
    adapt: Adapt,
    *,
    output: Path,
    photos: Photos,
    projects: tuple[Project, ...] = (),
    steps: int,
    minutes: float | None = None,
    rate: float | None = None,
    device: str = "cpu",
    threads: int = 1,
    masks: int = 6,
) -> TrainConfig:
    """The configuration for a model; all of its sizes are the model's own.

    Args:
        model: what is fine-tuned.
        adapt: what of it learns.
        output: folder of the run.
        photos: to learn from.
        projects: the same.
        steps: at most.
        minutes: at most, for the whole run.
        rate: peak of the learning rate; a usual one when None.
        device: "cpu" or "cuda".
        threads: on the CPU.
        masks: measured of each held-out photo.
    """
    images = 1 if model.image_size >= LARGE else IMAGES
    return TrainConfig(
        run=Run(output=output, device=device, threads=threads, workers=0 if device == "cpu" else 4),
        schedule=Schedule(
            steps=steps,
            learning_rate=rate or RATES[adapt],
            warmup=10,
            weight_decay=0.01,
            average=0.99,
            log_every=10,
            checkpoint_every=50,
            validate_every=steps + 1,
            finish_in=minutes,
        ),
        sizes=(Size(model.image_size, images=images, share=1.0),),
        prompts=PromptMix(per_image=4),
        photos=photos,
        projects=projects,
        validation=Validation(images_per_source=1000, masks_per_image=masks),
    )
