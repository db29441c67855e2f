"""``limner train``: train Samlet as a TOML file says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.errors import InvalidInput
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), required=True, help="TOML file that says everything."
)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the output folder.")
@click.option("--resume-or-start", is_flag=True, help="Continue from the checkpoint if there is one.")
@click.option("--plot", is_flag=True, help="Only draw the curves of the run so far, as curves.png beside its log.")
@click.option("--teacher", help="An installed model or a weights file that labels --photos first.")
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photos without masks, for the teacher to label.",
)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
def train(
    path: Path,
    resume: bool,
    resume_or_start: bool,
    plot: bool,
    teacher: str | None,
    photos: Path | None,
    home: Path | None,
) -> None:
    """Train Samlet, on photos with masks or on what a better model sees in photos without."""
    from limner.train.config import read_config
    from limner.train.curves import draw_curves
    from limner.train.launch import launch
    from limner.train.loop import CHECKPOINT, LOG, WEIGHTS

    output = read_config(path).run.output
    if plot:
        draw_curves(output / LOG, output / "curves.png")
        click.echo(f"Drew {output / 'curves.png'}.")
        return
    if (teacher is None) != (photos is None):
        raise InvalidInput("A teacher needs photos to label, and they need a teacher.", hint="Give both options.")
    taught = []
    if teacher is not None and photos is not None:
        taught.append(_labelled(teacher, photos, output, home))
    launch(path, resume or (resume_or_start and (output / CHECKPOINT).exists()), taught)
    click.echo(f"Wrote {output / WEIGHTS}.")


def _labelled(teacher: str, photos: Path, output: Path, home: Path | None) -> Path:
    """A folder of the photos with the teacher's masks."""
    import numpy as np

    from limner.config import Settings
    from limner.models.registry import load_model
    from limner.segment.automatic import AutomaticMaskGenerator
    from limner.segment.predictor import Predictor
    from limner.train.teacher import FOLDER, label_photos

    loaded = load_model(teacher, home or Settings().home)
    generator = AutomaticMaskGenerator(Predictor(loaded))

    def segment(image: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
        return [np.asarray(mask["segmentation"], np.bool_) for mask in generator.generate(image)]

    folder = output / FOLDER / loaded.weights_sha256[:12]  # another teacher's masks are not taken for this one's
    masks = label_photos(segment, photos, folder)
    click.echo(f"{teacher} has labelled {counted(masks, 'mask')}.")
    return folder
