"""``limner detector``: small networks that find objects on stored embeddings, trained on a project's masks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.cli.detector_recipe import make
from limner.cli.home import HOME
from limner.config import Settings
from limner.errors import InvalidFile, InvalidInput
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.train.detector.choosing import Judgement

CHECKPOINTS = "training"  # folder of the home where unfinished runs lie


@click.group()
def detector() -> None:
    """Train detectors on the masks of a project, and list them."""


detector.add_command(make)


@detector.command("list")
@HOME
def list_detectors(home: Path | None) -> None:
    """List the detectors that there are, with what they were measured at."""
    from limner.models.detectors import installed_detectors

    rows = installed_detectors(_home(home))
    if not rows:
        click.echo("There are no detectors. Train one with: limner detector train --project NAME")
    for each in rows:
        card = each.card
        where = "with Limner" if each.bundled else (card.project or "-")
        quality = " ".join(
            f"{title} {value:.2f}"
            for name, title in (("ap", "AP"), ("ar100", "AR@100"))
            if isinstance(value := card.quality.get(name), float)
        )
        click.echo(
            f"{card.name:<28}{card.model:<14}{where:<20}{card.images:>6} images {card.masks:>7} masks  {quality}"
        )


@detector.command()
@click.option("--project", "name", required=True, help="Name or id of the project whose masks are learned from.")
@click.option("--name", "called", help="What to call the detector.  [default: the project's name and a number]")
@click.option(
    "--steps", type=click.IntRange(1), help="Of 4 images, at most.  [default: by the number of images, 120 to 600]"
)
@click.option(
    "--categories/--no-categories",
    default=None,
    help="Whether categories are told apart.  [default: when there are several]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same detector.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--resume", is_flag=True, help="Continue the run that was stopped last.")
@HOME
def train(
    name: str,
    called: str | None,
    steps: int | None,
    categories: bool | None,
    seed: int,
    threads: int,
    resume: bool,
    home: Path | None,
) -> None:
    """Train a detector on the masks of a project, and on embeddings that are stored: nothing is encoded.

    It begins with the detector that comes with the model, if there is one, and is asked instead of it where it is
    better: on images that are held out (every tenth, by its hash) or, where these have few objects, by cross-validation
    over the others. Ctrl+C saves; --resume continues.
    """
    import torch
    from tqdm import tqdm

    from limner.atomic import make_folder
    from limner.blobs import BlobStore
    from limner.heads.detector import DetectorConfig
    from limner.models.catalogue import find_model
    from limner.models.detectors import detector_folder
    from limner.models.in_use import Models
    from limner.models.registry import model_config
    from limner.train.config import Project
    from limner.train.detector.choosing import Choosing, general_detector
    from limner.train.detector.training import Step
    from limner.train.detector.writing import Origin, write_chosen
    from limner.train.projects import read_objects
    from limner.train.stopping import StopRequest
    from limner.workers.detector_data import categories_to_tell, embedding_reader, with_embeddings

    settings = Settings(home=_home(home))
    objects = read_objects(Project(settings.home, name))
    card = Models(settings.home, find_model(settings.model, settings.home)).used_by(objects.model).card
    folder = detector_folder(settings.home, called or _free_name(settings.home, objects.project))
    if folder.exists():
        raise InvalidInput(f"There is a detector called {folder.name}.", hint="Choose another --name.")
    told = categories_to_tell(objects, categories)
    config = model_config(card.family)
    blobs = BlobStore(settings.resolved_blob_url)
    examples = with_embeddings(objects, card, blobs, told)
    missing = len(objects.images) - len(examples)
    if missing:
        click.echo(f"Left out: {counted(missing, 'image')} with masks and no embedding by {card.title or card.name}.")
    told_apart = len(told) > 1 and categories is not False
    wanted = DetectorConfig(config.image_size, config.features, len(told) if told_apart else 0)
    unfinished = settings.home / CHECKPOINTS / f"detector-{objects.project_id}"
    if resume and not unfinished.is_dir():
        raise InvalidFile(f"There is no checkpoint {unfinished} to resume.", hint="Start without --resume.")
    if not resume and unfinished.is_dir():
        shutil.rmtree(unfinished)
    make_folder(unfinished.parent, mode=0o700)
    make_folder(unfinished, mode=0o700)
    torch.set_num_threads(threads)
    stop = StopRequest()
    with stop.listening(), tqdm(unit="step", disable=None) as bar:

        def on_step(step: Step) -> None:
            bar.total = step.total
            bar.update(step.done - bar.n)
            bar.set_postfix(loss=f"{step.loss:.3f}")
            stop.heed()

        choosing = Choosing(
            wanted,
            examples,
            embedding_reader(blobs, card),
            general_detector(settings.home, card.weights_sha256),
            unfinished,
            steps=steps,
            seed=seed,
            on_step=on_step,
        )
        masks = sum(len(each.masks) for each in choosing.learned)
        click.echo(
            f"{counted(len(choosing.learned), 'image')} with {counted(masks, 'mask')}, "
            f"{counted(choosing.plan.steps, 'step')}"
        )
        chosen = choosing.run()
    origin = Origin(card.name, card.weights_sha256, objects.project_id, objects.project, told)
    written = write_chosen(chosen, folder, origin, seed=seed)
    shutil.rmtree(unfinished)
    click.echo(_said(chosen.judgement))
    click.echo(
        f"Wrote {written.folder} ({chosen.seconds:.0f} s, {counted(chosen.steps, 'step')}). "
        f"To use it: limner suggest detector {objects.project_id}"
        + (f" --detector {written.name}" if written.card.worse else "")
    )


def _said(judgement: Judgement | None) -> str:
    """What a detector was judged at."""
    if judgement is None:
        return "No image was left to judge on: nothing was measured. Two or more are needed."
    own, general = judgement.own, judgement.general
    judged = counted(own.images, "held-out image" if judgement.by == "held_out" else "image")
    judged += "" if judgement.by == "held_out" else " by cross-validation"
    text = (
        f"{judged} with {counted(own.objects, 'object')}: AP {own.ap:.3f}, AP50 {own.ap50:.3f}, "
        f"AR@100 {own.ar100:.3f}, recall {own.recall:.3f}"
    )
    if general is None:
        return text
    asked = "it is asked from now on" if judgement.better else f"{judgement.name} is asked all the same"
    return f"{text}; {judgement.name} has AP {general.ap:.3f}: {asked}."


def _free_name(home: Path, project: str) -> str:
    """A name that no detector has: of the project, with a number."""
    import re

    from limner.models.detectors import detector_folder

    clean = re.sub("[^a-z0-9]+", "-", project.lower()).strip("-")[:50] or "project"
    number = 1
    while detector_folder(home, f"{clean}-{number}").exists():
        number += 1
    return f"{clean}-{number}"


def _home(home: Path | None) -> Path:
    return home.expanduser().absolute() if home is not None else Settings().home
