"""``limner proposals``: masks of objects that may be there, and what share of the truth they find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from limner.cli.home import settings_from
from limner.errors import InvalidInput
from limner.vocabulary.counted import counted
from limner.vocabulary.devices import Device

if TYPE_CHECKING:
    from limner.segment.automatic import AutomaticMask
    from limner.train.photos import Photo
    from limner.train.proposal_recall import Proposed


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--points-per-side", type=click.IntRange(1, 256), default=64, show_default=True, help="Of the grid.")
@click.option("--pred-iou", type=click.FloatRange(0, 1), help="Least predicted IoU.  [default: the model's card]")
@click.option("--stability", type=click.FloatRange(0, 1), help="Least stability.  [default: the model's card]")
@click.option("--detector", "detector_name", metavar="NAME", help="Measure masks of a detector's boxes beside them.")
@click.option("--held-out", is_flag=True, help="Only photos that are never trained on, without near-copies.")
@click.option("--images", type=click.IntRange(1), help="At most so many photos of each source.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write the proposals here (SA-1B's form)."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the model runs.  [default: auto]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
def proposals(
    folders: tuple[Path, ...],
    detector_name: str | None,
    held_out: bool,
    images: int | None,
    out: Path | None,
    json_path: Path | None,
    threads: int,
    model: str | None,
    device: Device | None,
    home: Path | None,
    **options: Any,
) -> None:
    """Propose masks for photos with known masks (X.jpg beside X.json) and measure the average recall.

    At most 1,000 masks per photo, ranked by the mean of predicted IoU and stability. AR@N is the recall of the best N,
    averaged over IoU thresholds from .50 to .95; sizes are COCO's. Of the boxes of a detector (as ``objects``,
    which comes with Limner) the best 100 of each photo are made masks by the same model.
    """
    import torch
    from tqdm import tqdm

    from limner.atomic import write_file
    from limner.formats.files import FileNames
    from limner.heads.annotating import DetectorSource
    from limner.heads.proposing import LEAST_OBJECTNESS
    from limner.models.detectors import find_detector
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.segment.proposals import proposal_generator, ranked, score_of
    from limner.train.evaluation import first_of_each_source
    from limner.train.near_copies import held_out_without_copies
    from limner.train.photos import find_photos
    from limner.train.proposal_recall import Proposed, average_recall
    from limner.workers.encoder import choose_device

    settings = settings_from({"home": home, "model": model, "device": device})
    torch.set_num_threads(threads)
    photos = [photo for photo in find_photos(folders) if photo.segmentations]
    if held_out:
        photos = held_out_without_copies(photos)
    if images is not None:
        photos = first_of_each_source(photos, images)
    if not photos:
        raise InvalidInput("No photo has masks to compare with.", hint="X.jpg needs an X.json in SA-1B's form.")
    loaded = load_model(settings.model, settings.home)
    predictor = Predictor(loaded, device=choose_device(settings.device))
    detector = None
    if detector_name is not None:
        installed = find_detector(settings.home, detector_name)
        detector = DetectorSource(installed, loaded, predictor, LEAST_OBJECTNESS, threads, settings.home)
    generator = proposal_generator(
        predictor,
        options["points_per_side"],
        options["pred_iou"],
        options["stability"],
    )
    measured, detected, names = [], [], FileNames()
    for photo in tqdm(photos, unit="image", disable=None):
        rgb = photo.image()
        found = ranked(generator.generate(rgb))
        if out is not None:
            _write(out / f"{names.of(photo.image_path.name)}.json", photo, found)
        masks: list[Any] = [mask["segmentation"] for mask in found]
        measured.append(Proposed(photo.size, photo.segmentations, masks, [score_of(mask) for mask in found]))
        if detector is not None:
            seen = detector.find(photo.image_path.name, rgb, predictor.embed(rgb))
            masks, scores = [each.mask for each in seen], [each.score for each in seen]
            detected.append(Proposed(photo.size, photo.segmentations, masks, scores))
    content = {"model": loaded.name, "photos": len(measured), **_told(loaded.name, measured, average_recall(measured))}
    if detected:
        told = _told(f"the detector {detector_name}", detected, average_recall(detected))
        content["detector"] = {"name": detector_name, **told}
    if json_path is not None:
        write_file(json_path, (json.dumps(content, indent=2) + "\n").encode())


def _told(name: str, measured: list[Proposed], figures: dict[str, float]) -> dict[str, float]:
    """Print the figures; give them, and what they are of."""
    number = sum(len(each.proposals) for each in measured) / len(measured)
    truth = sum(len(each.truth) for each in measured)
    click.echo(
        f"{name}: {number:.0f} proposals per photo, {counted(truth, 'mask')} on {counted(len(measured), 'photo')}"
    )
    for label, value in figures.items():
        click.echo(f"{label:<16}{value:6.3f}")
    return {"masks": truth, "proposals": number, **figures}


def _write(target: Path, photo: Photo, found: list[AutomaticMask]) -> None:
    """One document of proposals, the best first, each with its ``score``."""
    from limner.atomic import make_folder, write_file
    from limner.formats.sa1b import annotation_entry, document_bytes, image_entry
    from limner.segment.proposals import score_of

    derived = ("area", "bbox", "id", "segmentation")
    entries = []
    for number, mask in enumerate(found, start=1):
        known = {key: value for key, value in mask.items() if key not in derived}
        segmentation: Any = mask["segmentation"]
        entries.append(annotation_entry(number, segmentation, **known, score=score_of(mask)))
    make_folder(target.parent)
    image = image_entry(0, photo.image_path.name, *photo.size)
    write_file(target, document_bytes(image, entries))
