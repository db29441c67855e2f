"""``limner everything``: all masks of an image, or of all images in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from limner.atomic import make_folder, replacing, write_file
from limner.cli.home import settings_from
from limner.config import Settings
from limner.errors import InvalidInput, LimnerError
from limner.vocabulary.counted import counted
from limner.vocabulary.devices import Device

if TYPE_CHECKING:
    from limner.cli.documents import Task
    from limner.cli.folders import Source

Format = Literal["coco", "sa1b"]
Entry = dict[str, Any]

INTERRUPTED = 130  # exit status after Ctrl+C, as shells have it

UNLABELLED_NUMBER = 1  # of the only category of the COCO file


@click.command()
@click.argument("image_or_dir", metavar="IMAGE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="COCO: the file; SA-1B: the folder.")
@click.option("--format", "form", type=click.Choice(["coco", "sa1b"]), default="coco", show_default=True)
@click.option("--overlay", type=click.Path(path_type=Path, file_okay=False), help="Draw the masks into PNGs here.")
@click.option("--points-per-side", type=click.IntRange(1, 256), help="Points along each side.  [default: 32]")
@click.option("--points-stride", type=click.FloatRange(1), help="Pixels between points, instead of their number.")
@click.option("--points-per-batch", type=click.IntRange(1), default=64, show_default=True, help="Bounds the memory.")
@click.option("--crop-layers", type=click.IntRange(0, 4), default=0, show_default=True, help="Look at crops, too.")
@click.option("--crop-downscale", type=click.IntRange(1), default=1, show_default=True, help="Fewer points in crops.")
@click.option("--pred-iou", type=click.FloatRange(0, 1), help="Least predicted IoU.  [default: the model's card]")
@click.option("--stability", type=click.FloatRange(0, 1), help="Least stability.  [default: the model's card]")
@click.option("--stability-offset", type=click.FloatRange(0, min_open=True), help="Of logits.  [default: the card]")
@click.option("--box-nms", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="Largest IoU of boxes.")
@click.option("--min-area", type=click.IntRange(0), default=0, show_default=True, help="Fill and drop smaller parts.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the model runs.  [default: auto]")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: as many as torch likes]")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
@click.pass_context
def everything(
    context: click.Context,
    /,
    image_or_dir: Path,
    out: Path,
    form: Format,
    overlay: Path | None,
    threads: int | None,
    model: str | None,
    device: Device | None,
    home: Path | None,
    **options: Any,
) -> None:
    """Find the masks of everything in an image, or in all images of a folder.

    Each image gets a document in SA-1B's form; with --format coco they lie in a folder beside the file, OUT.images.
    An image whose document was made by the same model, with the same options, from the same bytes is not done again:
    after Ctrl+C, the same command goes on. Images that cannot be read are named, the others are done all the same; the
    exit status is then 1.
    """
    import torch

    from limner.cli.documents import tasks_of
    from limner.cli.folders import find_images

    settings = settings_from({"home": home, "model": model, "device": device})
    if threads is not None:
        torch.set_num_threads(threads)
    found = find_images([image_or_dir])
    sources, unusable = found.images, found.refused
    for complaint in unusable:
        click.echo(complaint, err=True)
    if not sources:
        raise InvalidInput(f"{image_or_dir} holds no images.", hint="Give an image, or a folder with images.")
    tasks = tasks_of(sources, out if form == "sa1b" else out.with_name(f"{out.name}.images"))
    run = _Run(settings, options, overlay)
    try:
        refused = run.do(tasks)
    except KeyboardInterrupt:
        click.echo(
            f"\nStopped after {run.done} of {counted(len(tasks), 'image')}; the same command goes on from there.",
            err=True,
        )
        context.exit(INTERRUPTED)
    if form == "coco":
        _write_coco([task for task in tasks if task.source not in refused], out)
    click.echo(
        f"{out}: {counted(run.masks, 'mask')} on {counted(run.done, 'image')} ({run.kept} done already),"
        f" {len(refused) + len(unusable)} refused"
    )
    if refused or unusable:
        context.exit(1)


class _Run:
    """All images, one after the other.

    Attributes:
        done: images that have a document now.
        kept: of those, the ones that had it before.
        masks: in all of them.
    """

    def __init__(self, settings: Settings, options: dict[str, Any], overlay: Path | None) -> None:
        from limner.models.registry import load_model
        from limner.segment.automatic import AutomaticMaskGenerator
        from limner.segment.predictor import Predictor
        from limner.workers.encoder import choose_device

        self._settings, self._overlay = settings, overlay
        self._loaded = load_model(settings.model, settings.home)
        predictor = Predictor(self._loaded, device=choose_device(settings.device))
        stride = options["points_stride"]
        self._generator = AutomaticMaskGenerator(
            predictor,
            points_per_side=options["points_per_side"] or (32 if stride is None else None),
            points_stride=stride,
            points_per_batch=options["points_per_batch"],
            pred_iou_thresh=options["pred_iou"],
            stability_score_thresh=options["stability"],
            stability_score_offset=options["stability_offset"],
            box_nms_thresh=options["box_nms"],
            crop_n_layers=options["crop_layers"],
            crop_n_points_downscale_factor=options["crop_downscale"],
            min_mask_region_area=options["min_area"],
            output_mode="coco_rle",
        )
        g = self._generator
        decides = {name: value for name, value in options.items() if name != "points_per_batch"}
        decides |= {"points_per_side": g.points_per_side, "pred_iou": g.pred_iou_thresh}
        decides |= {"stability": g.stability_score_thresh, "stability_offset": g.stability_score_offset}
        self._made_by = {"model": self._loaded.name, "model_sha256": self._loaded.weights_sha256, "options": decides}
        self.done = self.kept = self.masks = 0

    def do(self, tasks: Sequence[Task]) -> list[Source]:
        """Do all images; those that could not be read, which have been named on standard error."""
        from tqdm import tqdm

        refused = []
        for task in tqdm(tasks, unit="image", disable=None):
            try:
                self._one(task)
            except (LimnerError, OSError) as error:
                refused.append(task.source)
                click.echo(f"\n{task.source.path}: {error}", err=True)
        return refused

    def _one(self, task: Task) -> None:
        import hashlib

        from limner.cli.documents import read_earlier
        from limner.encoding.images import decode_image
        from limner.formats.sa1b import annotation_entry, document_bytes, image_entry

        data = task.source.path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        document = read_earlier(task.document, sha256, self._made_by)
        if document is None:
            decoded = decode_image(data, max_pixels=self._settings.max_pixels)
            image = image_entry(0, task.source.file_name, decoded.height, decoded.width, sha256=sha256)
            found = self._find(decoded.rgb)
            masks = [annotation_entry(i, mask.pop("segmentation"), **mask) for i, mask in enumerate(found, start=1)]
            document = {"image": image, "annotations": masks, "limner": self._made_by}
            task.document.parent.mkdir(parents=True, exist_ok=True)
            write_file(task.document, document_bytes(image, masks, limner=self._made_by))
        else:
            self.kept += 1
        if self._overlay is not None:
            _draw(data, document, self._overlay / f"{task.source.file_name}.png", self._settings.max_pixels)
        self.done += 1
        self.masks += len(document["annotations"])

    def _find(self, rgb: Any) -> list[Entry]:
        """The masks without what is derived from them, and a bar of its own for an image that takes long."""
        from tqdm import tqdm

        with tqdm(unit="point", leave=False, disable=None) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            found = self._generator.generate(rgb, show)
        return [{key: value for key, value in mask.items() if key not in ("area", "bbox", "id")} for mask in found]


def _write_coco(tasks: Sequence[Task], out: Path) -> None:
    """One COCO file of all documents, which are read one at a time."""
    from limner.formats.coco.exporting import unlabelled_category

    make_folder(out.parent)
    images = [
        {**json.loads(task.document.read_bytes())["image"], "id": number} for number, task in enumerate(tasks, start=1)
    ]
    for image in images:
        del image["image_id"]
    with replacing(out) as partial, partial.open("w", encoding="utf-8") as file:
        categories = [unlabelled_category(UNLABELLED_NUMBER)]
        file.write(f'{{"categories":{json.dumps(categories)},\n"images":{json.dumps(images)},\n"annotations":[')
        for number, annotation in enumerate(_annotations(tasks)):
            file.write(",\n" if number else "\n")
            json.dump(annotation | {"id": number + 1}, file)
        file.write("\n]}\n")


def _annotations(tasks: Sequence[Task]) -> Iterator[Entry]:
    for number, task in enumerate(tasks, start=1):
        document = json.loads(task.document.read_bytes())
        model = document["limner"]["model_sha256"]
        for annotation in document["annotations"]:
            points = [[x, y, 1] for x, y in annotation["point_coords"]]
            provenance = {
                "model_sha256": model,
                "predicted_iou": annotation["predicted_iou"],
                "prompts": {"points": points, "box": None, "mask": False},
            }
            yield {
                **annotation,
                "image_id": number,
                "category_id": UNLABELLED_NUMBER,
                "iscrowd": 0,
                "provenance": provenance,
            }


def _draw(data: bytes, document: Entry, target: Path, max_pixels: int) -> None:
    from PIL import Image

    from limner.encoding.images import decode_image
    from limner.formats.overlay import draw_masks

    masks = [annotation["segmentation"] for annotation in document["annotations"]]
    make_folder(target.parent)
    drawn = draw_masks(decode_image(data, max_pixels=max_pixels).rgb, masks)
    with replacing(target) as partial:
        Image.fromarray(drawn).save(partial, "PNG")
