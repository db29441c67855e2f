"""``limner detector make``: a detector of no project, as a recipe says."""

from __future__ import annotations

import os
from pathlib import Path

import click

from limner.cli.home import HOME
from limner.config import Settings
from limner.errors import InvalidFile, InvalidInput
from limner.vocabulary.counted import counted

NICENESS = 19


@click.command()
@click.argument("recipe_path", metavar="RECIPE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--on",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photos with masks (X.jpg beside X.json); may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run and of the detector.")
@click.option("--steps", type=click.IntRange(1), help="Instead of the recipe's, to try it.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--resume", is_flag=True, help="Continue the run that was stopped in --out.")
@HOME
def make(
    recipe_path: Path,
    folders: tuple[Path, ...],
    out: Path,
    steps: int | None,
    threads: int,
    resume: bool,
    home: Path | None,
) -> None:
    """Train a detector of no project on folders of photos, as RECIPE says: data/detectors/objects has that of its own.

    Weights of the model, and what is learned from where the recipe names it, must be the recipe's. Runs at the lowest
    priority. Ctrl+C saves; --resume continues. Every tenth photo is held out, by its hash, and measured on.
    """
    import dataclasses

    import torch
    from tqdm import tqdm

    from limner.atomic import make_folder
    from limner.models.catalogue import check_name
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.train.detector.examples import digest_of, split
    from limner.train.detector.measuring import measure_boxes
    from limner.train.detector.recipe import EncodedPhotos, balanced, examples_of, read_recipe
    from limner.train.detector.training import Plan, Step, train_detector
    from limner.train.detector.writing import Origin, write_detector
    from limner.train.photos import find_photos
    from limner.train.stopping import StopRequest

    recipe = read_recipe(recipe_path)
    folder = out / check_name(recipe.name)
    if folder.exists():
        raise InvalidInput(f"{folder} is there already.", hint="Give another --out, or remove it.")
    os.nice(NICENESS)
    loaded = load_model(recipe.model, home.expanduser().absolute() if home is not None else Settings().home)
    if loaded.weights_sha256 != recipe.model_sha256:
        raise InvalidFile(
            f"The recipe is for {recipe.model} with the weights {recipe.model_sha256[:12]}…, "
            f"installed is {loaded.weights_sha256[:12]}….",
            hint="Install that model, or write its weights' sha256 into a recipe of your own.",
        )
    photos = find_photos(folders)
    learned, held_out = split(examples_of(photos, loaded.model.config))
    digest, masks = digest_of(learned), sum(len(each.masks) for each in learned)
    click.echo(f"{counted(len(learned), 'photo')} with {counted(masks, 'mask')}, examples_sha256 = {digest}")
    if recipe.examples_sha256 not in (None, digest):
        raise InvalidFile(
            f"The recipe was made with other photos or masks: examples_sha256 = {recipe.examples_sha256}.",
            hint="Give the same ones, or leave examples_sha256 out of a recipe of your own.",
        )
    torch.set_num_threads(threads)
    make_folder(out)
    checkpoint = out / "detector.pt"
    encoded = EncodedPhotos(out / "embeddings" / loaded.weights_sha256[:12], Predictor(loaded))
    stop = StopRequest()
    with stop.listening():
        for photo in tqdm(photos, unit="photo", desc="encoding", disable=None):
            encoded.add(photo)
            stop.heed()
        plan = Plan(steps or recipe.steps, seed=recipe.seed)
        drawn = balanced(learned, recipe.balance, recipe.weights, recipe.seed)
        with tqdm(total=plan.steps, unit="step", disable=None) as bar:

            def on_step(step: Step) -> None:
                bar.update(step.done - bar.n)
                bar.set_postfix(loss=f"{step.loss:.3f}")
                stop.heed()

            shape = recipe.shape(loaded.model.config)
            trained, seconds = train_detector(
                shape, drawn, encoded.read, plan, checkpoint=checkpoint, resume=resume, on_step=on_step
            )
    figures = measure_boxes(trained, held_out, encoded.read) if held_out else None
    origin = Origin(loaded.name, loaded.weights_sha256, None, recipe.sources, ())
    written = write_detector(
        trained, folder, origin, learned, steps=plan.steps, seed=plan.seed, seconds=seconds, figures=figures
    )
    checkpoint.unlink(missing_ok=True)
    if figures is not None:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in dataclasses.asdict(figures).items())
        click.echo(f"Held out: {shown}")
    click.echo(f"Wrote {written.folder}, weights {written.card.weights_sha256} ({seconds:.0f} s).")
