"""``limner edges``: the edges of images, from masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from limner.cli.home import settings_from
from limner.config import Settings
from limner.errors import InvalidInput, LimnerError
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limner.cli.folders import Source
    from limner.train.edge_scores import EdgeScores

INTERRUPTED = 130  # exit status after Ctrl+C, as shells have it
MADE_BY = "limner"  # the text chunk of a PNG that says by which model, from which bytes and how it was made


@click.command()
@click.argument("image_or_dir", metavar="IMAGE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the PNGs.")
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--points-per-side", type=click.IntRange(1, 256), default=16, show_default=True, help="Of the grid.")
@click.option("--pred-iou", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Least predicted IoU.")
@click.option("--measure", is_flag=True, help="Compare with the masks in X.json beside X.jpg (SA-1B's form).")
@click.option("--held-out", is_flag=True, help="With --measure: only photos that are never trained on.")
@click.option("--images", type=click.IntRange(1), help="With --measure: at most so many photos of each source.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="With --measure: write the figures here.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the model runs.  [default: auto]")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as many as torch likes]")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
@click.pass_context
def edges(
    context: click.Context,
    /,
    image_or_dir: Path,
    out: Path,
    measure: bool,
    held_out: bool,
    images: int | None,
    json_path: Path | None,
    threads: int | None,
    **options: Any,
) -> None:
    """Draw the edges of an image, or of all images of a folder, into PNGs: white is a sure edge.

    An image whose PNG was made by the same model, with the same options, from the same bytes is not done again: after
    Ctrl+C, the same command goes on. Images that cannot be read are named, the others are done all the same; the exit
    status is then 1.
    """
    import torch
    from tqdm import tqdm

    from limner.cli.folders import find_images
    from limner.formats.files import FileNames

    if not measure and (json_path is not None or held_out or images is not None):
        raise InvalidInput("--json, --held-out and --images are about what is measured.", hint="Add --measure.")
    settings = settings_from({name: options[name] for name in ("home", "model", "device")})
    if threads is not None:
        torch.set_num_threads(threads)
    found = find_images([image_or_dir])
    complaints = list(found.refused)
    if not found.images:
        raise InvalidInput(f"{image_or_dir} holds no images.", hint="Give an image, or a folder with images.")
    chosen = _chosen(found.images, held_out, images) if held_out or images is not None else None
    names, drawer = FileNames(), _Drawer(settings, options["points_per_side"], options["pred_iou"])
    targets = [(source.path, out / f"{names.of(source.file_name)}.png") for source in found.images]
    if chosen is not None:
        targets = [(path, target) for path, target in targets if path.resolve() in chosen]
    drawn: list[tuple[Path, Path]] = []
    try:
        for path, target in tqdm(targets, unit="image", disable=None):
            try:
                drawer.draw(path, target)
                drawn.append((path, target))
            except (LimnerError, OSError) as error:
                complaints.append(f"{path}: {error}")
    except KeyboardInterrupt:
        click.echo(
            f"\nStopped after {len(drawn)} of {counted(len(targets), 'image')}; the same command goes on.", err=True
        )
        context.exit(INTERRUPTED)
    for complaint in complaints:
        click.echo(complaint, err=True)
    click.echo(f"{out}: {counted(len(drawn), 'image')} ({drawer.kept} done already), {len(complaints)} refused")
    if measure:
        _tell(_measured(drawn), json_path)
    if complaints:
        context.exit(1)


class _Drawer:
    """From an image file to a PNG of its edges.

    Attributes:
        kept: images whose PNG was there already.
    """

    def __init__(self, settings: Settings, points_per_side: int, pred_iou: float) -> None:
        from limner.models.registry import load_model
        from limner.segment.predictor import Predictor
        from limner.workers.encoder import choose_device

        loaded = load_model(settings.model, settings.home)
        self._predictor = Predictor(loaded, device=choose_device(settings.device))
        self._max_pixels = settings.max_pixels
        self._options: dict[str, Any] = {"points_per_side": points_per_side, "pred_iou_thresh": pred_iou}
        self._made_by = {"model": loaded.name, "model_sha256": loaded.weights_sha256, "options": self._options}
        self.kept = 0

    def draw(self, path: Path, target: Path) -> None:
        """Make the PNG unless it is there.

        Raises:
            LimnerError, OSError: the image cannot be read, or the PNG not be written.
        """
        import hashlib

        import numpy as np
        from PIL import Image, PngImagePlugin

        from limner.atomic import make_folder, replacing
        from limner.encoding.images import decode_image
        from limner.segment.edges import edge_map

        data = path.read_bytes()
        made_by = json.dumps({**self._made_by, "sha256": hashlib.sha256(data).hexdigest()}, sort_keys=True)
        if _made_by(target) == made_by:
            self.kept += 1
            return
        rgb = decode_image(data, max_pixels=self._max_pixels).rgb
        found = edge_map(self._predictor, rgb, **self._options)
        text = PngImagePlugin.PngInfo()
        text.add_text(MADE_BY, made_by)
        make_folder(target.parent)
        with replacing(target) as partial:
            Image.fromarray(np.asarray(found * 255 + 0.5, np.uint8)).save(partial, "PNG", pnginfo=text)


def _made_by(target: Path) -> str | None:
    """What an earlier run wrote about a PNG; None when there is none, or it is damaged and will be replaced."""
    from PIL import Image

    try:
        with Image.open(target) as image:
            image.load()
            return getattr(image, "text", {}).get(MADE_BY)
    except (OSError, SyntaxError):
        return None


def _chosen(found: Sequence[Source], held_out: bool, images: int | None) -> set[Path]:
    """Of these images, the photos with masks that figures are asked of, as ``limner proposals`` chooses them.

    Raises:
        InvalidInput: none is left.
    """
    from limner.train.evaluation import first_of_each_source
    from limner.train.near_copies import held_out_without_copies
    from limner.train.photos import find_photos

    given = {source.path.resolve() for source in found}
    photos = find_photos(sorted({source.path.parent for source in found}))
    photos = [photo for photo in photos if photo.segmentations and photo.image_path.resolve() in given]
    if held_out:
        photos = held_out_without_copies(photos)
    if images is not None:
        photos = first_of_each_source(photos, images)
    if not photos:
        raise InvalidInput("No photo has masks to compare with.", hint="X.jpg needs an X.json in SA-1B's form.")
    return {photo.image_path.resolve() for photo in photos}


def _measured(drawn: list[tuple[Path, Path]]) -> EdgeScores:
    import numpy as np
    from PIL import Image

    from limner.train.edge_scores import edge_scores, outlines
    from limner.train.photos import find_photos

    pngs = {path.resolve(): png for path, png in drawn}
    photos = {photo.image_path.resolve(): photo for photo in find_photos(sorted({path.parent for path, _ in drawn}))}
    both = [(pngs[path], photo) for path, photo in photos.items() if path in pngs and photo.segmentations]
    if not both:
        raise InvalidInput("No image has masks to compare with.", hint="X.jpg needs an X.json in SA-1B's form.")

    def pairs() -> Any:
        for png, photo in both:
            with Image.open(png) as image:
                strength = np.asarray(image, np.float32) / 255
            yield strength, outlines(photo.masks())

    return edge_scores(pairs())


def _tell(scores: EdgeScores, json_path: Path | None) -> None:
    from dataclasses import asdict

    from limner.atomic import write_file

    figures = asdict(scores)
    click.echo("  ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in figures.items()))
    if json_path is not None:
        write_file(json_path, (json.dumps(figures, indent=2) + "\n").encode())
