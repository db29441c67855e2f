"""``limner bench similar`` and ``detector``: which objects are found without a click on each."""

from __future__ import annotations

import json
from pathlib import Path

import click

from limner.atomic import write_file
from limner.config import Settings


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--source", "sources", multiple=True, help="Only photos of this source; may be repeated.")
@click.option("--images", type=click.IntRange(1), default=4, show_default=True, help="At most so many of each source.")
@click.option("--examples", default="1,3,8", show_default=True, help="Numbers of examples, with commas between.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def similar(
    folders: tuple[Path, ...],
    model: str | None,
    sources: tuple[str, ...],
    images: int,
    examples: str,
    threads: int,
    json_path: Path | None,
) -> None:
    """What share of the objects of one kind is found from a few of them (X.jpg beside X.json).

    Photos with six masks and more are searched by examples on the same photo and on others of its source. A mask with
    IoU .5 and more counts as found; what has no mask in the JSON counts as wrong.
    """
    from dataclasses import asdict

    import torch
    from tqdm import tqdm

    from limner.bench.similar import FEWEST, measure
    from limner.errors import InvalidInput
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.train.evaluation import first_of_each_source
    from limner.train.photos import find_photos

    try:
        counts = [int(count) for count in examples.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InvalidInput(f"--examples {examples} are no numbers.", hint="For example: --examples 1,3,8.")
    many = [photo for photo in find_photos(folders) if len(photo.segmentations) >= FEWEST]
    photos = first_of_each_source([photo for photo in many if not sources or photo.source in sources], images)
    if not photos:
        raise InvalidInput(f"No photo has {FEWEST} masks.", hint="X.jpg needs an X.json in SA-1B's form.")
    torch.set_num_threads(1)
    settings = Settings() if model is None else Settings(model=model)
    predictor = Predictor(load_model(settings.model, settings.home))
    with tqdm(total=2 * len(counts) * len(photos), unit="image", disable=None) as bar:
        measured = measure(predictor, photos, counts, threads, bar.update)
    click.echo(f"{'source':<12}{'examples':>14}{'objects':>9}{'AP':>7}{'recall':>8}   best F1: precision recall score")
    for each in measured:
        on, got = f"{each.examples} {each.where}", each.figures
        best = f"{got.best_precision:9.2f}{got.best_recall:7.2f}{got.best_score:6.2f}"
        click.echo(
            f"{each.source:<12}{on:>14}{got.objects:9}{got.average_precision:7.2f}{got.recall:8.2f}            {best}"
        )
    if json_path is not None:
        content = {"model": settings.model, "figures": [asdict(each) for each in measured]}
        write_file(json_path, (json.dumps(content, indent=2) + "\n").encode())


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--source", "sources", multiple=True, help="Only photos of this source; may be repeated.")
@click.option(
    "--images", type=click.IntRange(1), default=200, show_default=True, help="At most so many of each source."
)
@click.option("--steps", type=click.IntRange(1), help="Of training.  [default: as many as usual]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all chance.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def detector(
    folders: tuple[Path, ...],
    model: str | None,
    sources: tuple[str, ...],
    images: int,
    steps: int | None,
    seed: int,
    threads: int,
    json_path: Path | None,
) -> None:
    """Train a detector on each source of photos (X.jpg beside X.json) and measure it on every tenth, held out.

    AP, AP50, AR@100 and recall at IoU .5, of boxes and of the masks that the model makes of them. What has no mask in
    the JSON counts as wrong.
    """
    from dataclasses import asdict

    import torch
    from tqdm import tqdm

    from limner.bench.detector import by_source, measure
    from limner.errors import InvalidInput
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.train.photos import find_photos

    found = by_source(find_photos(folders))
    missing = [source for source in sources if source not in found]
    if missing:
        raise InvalidInput(f"There are no photos of {', '.join(missing)}.", hint=f"There are: {', '.join(found)}.")
    torch.set_num_threads(threads)
    settings = Settings() if model is None else Settings(model=model)
    predictor = Predictor(load_model(settings.model, settings.home))
    measured = []
    click.echo(f"{'source':<12}{'photos':>8}{'steps':>7}{'CPU s':>7}{'ms':>6}{'':>9}   AP  AP50 AR100 recall objects")
    for source in sources or tuple(found):
        with tqdm(unit="step", desc=source, disable=None, leave=False) as bar:
            each = measure(predictor, source, found[source][:images], steps, seed, bar.update)
        measured.append(asdict(each))
        head = f"{source:<12}{each.learned:>8}{each.steps:>7}{each.train_seconds:>7.0f}{each.milliseconds:>6.0f}"
        for what, got in (("boxes", each.boxes), ("masks", each.masks)):
            figures = f"{got.ap:6.3f}{got.ap50:6.3f}{got.ar100:6.3f}{got.recall:7.3f}{got.objects:>8}"
            click.echo(f"{head}{what:>9}{figures}")
            head = " " * len(head)
        if json_path is not None:  # each time, so that a long run that is stopped was not for nothing
            write_file(json_path, (json.dumps({"results": measured}, indent=2) + "\n").encode())
