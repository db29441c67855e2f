"""``limner bench engine``: a scripted annotator measures what suggestions and learning save."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from limner.atomic import write_file
from limner.config import Settings
from limner.errors import InvalidFile, InvalidInput

SCENES_DOMAIN = "scenes"


@click.command()
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="NAME=DIR",
    help="A folder of photos with masks (X.jpg beside X.json); may be repeated.  [default: generated scenes]",
)
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--rounds", type=click.IntRange(1, 9), default=2, show_default=True, help="Of learning.")
@click.option("--images", type=click.IntRange(1), default=10, show_default=True, help="Annotated for each round.")
@click.option("--measure", "measured", type=click.IntRange(1), default=10, show_default=True, help="Measured on.")
@click.option("--most", type=click.IntRange(1), default=40, show_default=True, help="Masks of a photo that is used.")
@click.option("--target", type=click.FloatRange(0.5, 0.99), default=0.85, show_default=True, help="IoU that is wanted.")
@click.option(
    "--clicks", type=click.IntRange(1, 20), default=6, show_default=True, help="On an object, before brushing."
)
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Score of suggestions, at first."
)
@click.option(
    "--correctable",
    type=click.FloatRange(0, 1),
    default=0.7,
    show_default=True,
    help="IoU from which a suggestion is corrected instead of refused; 1: none is.",
)
@click.option("--cost", "costs", multiple=True, metavar="NAME=SECONDS", help="Of a person; may be repeated.")
@click.option("--detector-steps", type=click.IntRange(1), default=150, show_default=True, help="Of each training.")
@click.option("--model-steps", type=click.IntRange(0), default=60, show_default=True, help="Of fine-tuning; 0: none.")
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), help="Of fine-tuning.  [default: the usual one]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here, after each domain.")
@click.option("--resume", is_flag=True, help="Leave out the domains that the file of --json has.")
def engine(
    domains: tuple[str, ...],
    model: str | None,
    rounds: int,
    images: int,
    measured: int,
    most: int,
    target: float,
    clicks: int,
    threshold: float,
    correctable: float,
    costs: tuple[str, ...],
    detector_steps: int,
    model_steps: int,
    rate: float | None,
    threads: int,
    json_path: Path | None,
    resume: bool,
) -> None:
    """What annotating costs a person by hand, with suggestions and verifying only, before and after learning.

    A script that knows the masks clicks, accepts, corrects and refuses, until every mask is as good as --target says.
    Seconds are those of a person by published figures, which --cost changes: first_click, further_click, verdict,
    outline and flat_brush.
    """
    from dataclasses import asdict

    import torch

    from limner.bench.engine.annotator import Wish
    from limner.bench.engine.cost import with_changes
    from limner.bench.engine.domains import open_domain, write_scenes
    from limner.bench.engine.figures import table
    from limner.bench.engine.learning import Recipe
    from limner.bench.engine.running import Plan, run_domain
    from limner.bench.harness import environment, progress
    from limner.heads.files import load_detector
    from limner.models.detectors import installed_detectors
    from limner.models.registry import load_model

    if resume and json_path is None:
        raise InvalidInput("--resume needs the file of the run before.", hint="Name it with --json.")
    settings = Settings() if model is None else Settings(model=model)
    loaded = load_model(settings.model, settings.home)
    recipe = Recipe(detector_steps, model_steps, rate=rate, threads=threads)
    plan = Plan(Wish(target, clicks, threshold, correctable), with_changes(costs), recipe, threads)
    asked = {"model_sha256": loaded.weights_sha256, "rounds": rounds, "images": images, "measured": measured}
    asked |= {"most": most, "plan": asdict(plan)}
    content: dict[str, Any] = {"model": loaded.name, "settings": json.loads(json.dumps(asked)), "domains": []}
    if resume and json_path is not None and json_path.exists():
        content = _before(json_path, content["settings"])
    ready = [each for each in installed_detectors(settings.home) if each.card.project_id is None]
    fitting = [each for each in ready if each.card.model_sha256 == loaded.weights_sha256]
    first_detector = load_detector(fitting[-1]) if fitting else None
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as scratch:
        folders = _folders(domains)
        if not folders:
            folders = {SCENES_DOMAIN: Path(scratch) / SCENES_DOMAIN}
            write_scenes(folders[SCENES_DOMAIN], rounds * images, measured)
        opened = [open_domain(name, folder, rounds, images, measured, most) for name, folder in folders.items()]
        done = {each["domain"] for each in content["domains"]}
        for number, domain in enumerate(opened):
            if domain.name in done:
                continue
            work = Path(scratch) / f"work-{number}"
            work.mkdir()
            figures = run_domain(loaded, first_detector, domain, plan, work, progress)
            click.echo(table(figures))
            content["domains"].append(figures)
            if json_path is not None:  # after each domain, so that a long run that is stopped was not for nothing
                content["environment"] = environment()
                write_file(json_path, (json.dumps(content, indent=2) + "\n").encode())


def _folders(domains: tuple[str, ...]) -> dict[str, Path]:
    """Name and folder of each domain.

    Raises:
        InvalidInput: one is given otherwise, twice, or its folder is not there.
    """
    folders: dict[str, Path] = {}
    for each in domains:
        name, _, folder = each.partition("=")
        if not name or not folder:
            raise InvalidInput(f"--domain {each} is no domain.", hint="Give NAME=DIR, for example food=photos/food.")
        if name in folders:
            raise InvalidInput(f"The domain {name} is given twice.", hint="Give each a name of its own.")
        if not Path(folder).is_dir():
            raise InvalidInput(f"There is no folder {folder}.", hint="It holds pairs X.jpg and X.json.")
        folders[name] = Path(folder)
    return folders


def _before(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What a run before this one has written.

    Raises:
        InvalidFile: it is no such file, or of a run with other settings.
    """
    try:
        content = json.loads(path.read_bytes())
        known = content["settings"]
        names = [each["domain"] for each in content["domains"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(f"{path} is no file of limner bench engine.", hint="Leave out --resume.") from error
    if known != settings:
        differ = sorted(name for name in {*known, *settings} if known.get(name) != settings.get(name))
        raise InvalidFile(
            f"{path} is of a run with other settings: {', '.join(differ)}.",
            hint=f"Use the same, or leave out --resume. It has: {', '.join(names) or 'no domain'}.",
        )
    assert isinstance(content, dict), "it has keys"
    return content
