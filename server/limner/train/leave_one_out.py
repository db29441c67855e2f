"""What a recipe is worth on sources that it has not seen: one training per source, without it, measured on it.

Held-out photos of sources that were trained on say how well a model knows its sources. Architecture and recipe are
chosen by this instead (``limner evaluate --leave-one-source-out RECIPE``).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from safetensors.torch import load_file

from limner.atomic import make_folder, replacing
from limner.errors import InvalidFile, ModelError
from limner.sam.samlet import Samlet
from limner.train.config import TrainConfig
from limner.train.evaluation import ModelSubject, Protocol, Results, first_of_each_source, measure
from limner.train.loop import CHECKPOINT, WEIGHTS, train
from limner.train.photos import find_photos
from limner.train.state import read_checkpoint
from limner.vocabulary.counted import counted

JOIN = "+"  # between sources that are left out together, since they show the same world
FINISHED = "finished"  # an empty file beside the weights of a training that came to its end
RECIPE = "recipe.sha256"  # of the recipe and the photos that a training was begun with


class TrainingStopped(ModelError):
    """A signal or a time limit came before the end of one of the trainings."""

    code = "training_stopped"


def source_groups(text: str | None, config: TrainConfig) -> list[tuple[str, ...]]:
    """Sources to leave out, one group at a time: ``"coco+coco128,food"``, or every source of the recipe by itself.

    Raises:
        InvalidFile: when the recipe has no photos, or none of a source that is named.
    """
    photos = find_photos(config.photos.folders) if config.photos else []
    sources = sorted({photo.source for photo in photos if photo.segmentations})
    groups: list[tuple[str, ...]] = [(source,) for source in sources]
    if text is not None:
        groups = [tuple(name.strip() for name in group.split(JOIN)) for group in text.split(",")]
    unknown = sorted({name for group in groups for name in group} - set(sources))
    if unknown or not groups:
        known = ", ".join(sources) or "none"
        raise InvalidFile(f"The recipe has no photos of {(unknown or ['any source'])[0]!r}.", hint=f"Sources: {known}.")
    return groups


def leave_one_source_out(
    config: TrainConfig, groups: Iterable[tuple[str, ...]], protocol: Protocol, images: int | None = None
) -> Iterator[Results]:
    """Train without each group of sources and measure on it; the figures of every mask, under the group's name.

    The trainings run one after the other, each in this process, in folders below the recipe's output. Those that came
    to their end are not repeated, those that were stopped are resumed.

    Args:
        config: the recipe; its ``processes`` do not count.
        groups: see `source_groups`.
        protocol: what to measure.
        images: at most so many photos of each source.

    Raises:
        InvalidFile, Diverged: see `train` and `measure`.
        TrainingStopped: when a training was told to stop; nothing is measured on half a training.
    """
    for group in groups:
        name = JOIN.join(group)
        weights = _trained_without(config, group, config.run.output / f"without-{name}")
        model = Samlet(config.model)
        model.load_state_dict({key: value.float() for key, value in load_file(weights).items()}, strict=False)
        assert config.photos is not None, "source_groups has looked"
        photos = [photo for photo in find_photos(config.photos.folders) if photo.source in group]
        if images is not None:
            photos = first_of_each_source(photos, images)
        found = measure(ModelSubject(model), photos, protocol)
        yield {name: [row for source in found.values() for row in source]}


def _trained_without(config: TrainConfig, sources: Sequence[str], output: Path) -> Path:
    """The weights of a training without some sources, which has come to its end."""
    _check_recipe(config, output)
    if not (output / FINISHED).exists():
        run = dataclasses.replace(config.run, output=output, processes=1)
        validation = dataclasses.replace(config.validation, leave_out=tuple(sources))
        without = dataclasses.replace(config, run=run, validation=validation)
        train(without, resume=(output / CHECKPOINT).exists())
        reached = read_checkpoint(output / CHECKPOINT)
        if not config.schedule.is_over(reached["step"], reached["seconds"]):
            raise TrainingStopped(
                f"The training without {JOIN.join(sources)} stopped after {reached['step']} of "
                f"{counted(config.schedule.steps, 'step')}.",
                hint="The same command goes on from there.",
            )
        (output / FINISHED).touch()
    return output / WEIGHTS


def _check_recipe(config: TrainConfig, output: Path) -> None:
    """A folder of trainings is of one recipe on one set of photos: figures of others are not passed off as its own."""
    assert config.photos is not None, "source_groups has looked"
    run = dataclasses.replace(config.run, output=Path(), processes=1, threads=1, workers=0)
    photos = sorted(photo.sha256 for photo in find_photos(config.photos.folders))
    start = run.start_from.read_bytes() if run.start_from is not None and run.start_from.is_file() else b""
    digest = hashlib.sha256(f"{dataclasses.replace(config, run=run)}{photos}".encode() + start).hexdigest()
    written = output / RECIPE
    if written.exists() and written.read_text("utf-8") != digest:
        raise InvalidFile(
            f"{output} holds a training by another recipe, or on other photos.", hint="Name another output."
        )
    if not written.exists():
        make_folder(output)
        with replacing(written) as partial:
            partial.write_text(digest, "utf-8")
