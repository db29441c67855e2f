"""``limner segment``: one image, some prompts, one mask; the same mask as on the page."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from limner.atomic import replacing
from limner.cli.home import settings_from
from limner.config import Settings
from limner.errors import InvalidInput, InvalidPrompt
from limner.vocabulary.devices import Device
from limner.vocabulary.geometry import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from limner.encoding.images import DecodedImage
    from limner.vocabulary.prompts import Prompts

Point = tuple[float, float, int]
Box = tuple[float, float, float, float]


def _numbers(value: str, counts: Sequence[int], form: str) -> list[float]:
    try:
        numbers = [float(number) for number in value.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in counts:
        raise click.BadParameter(f"{value!r} is not of the form {form}")
    return numbers


def _points(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[Point]:
    points = []
    for value in values:
        x, y, label = [*_numbers(value, (2, 3), "X,Y or X,Y,LABEL"), 1.0][:3]
        if label not in (0, 1):
            raise click.BadParameter(f"the label in {value!r} is neither 1 (foreground) nor 0 (background)")
        points.append((x, y, int(label)))
    return points


def _box(context: click.Context, parameter: click.Parameter, value: str | None) -> Box | None:
    if value is None:
        return None
    x0, y0, x1, y1 = _numbers(value, (4,), "X0,Y0,X1,Y1")
    return x0, y0, x1, y1


def _region(context: click.Context, parameter: click.Parameter, value: str | None) -> Region | None:
    return None if value is None else Region.parse(value)


FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--point",
    "points",
    metavar="X,Y[,0|1]",
    multiple=True,
    callback=_points,
    help="Foreground (1, the default) or background (0), in image pixels; may be repeated.",
)
@click.option("--box", metavar="X0,Y0,X1,Y1", callback=_box, help="Corners of a box, in image pixels.")
@click.option(
    "--mask",
    "mask_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A mask to start from: an image of the same size, not black where the mask is.",
)
@click.option(
    "--region", metavar="X,Y,W,H", callback=_region, help="Look closer: encode only this part, in whole image pixels."
)
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--text", help='What is to be found, in place of prompts: "cat" or "cat, red car" (needs limner[text]).')
@click.option("--text-model", help="A checkpoint folder, or a name in HOME/text.  [default: the only one]")
@click.option("--candidate", type=click.IntRange(0), help="Which of the model's answers.  [default: as on the page]")
@click.option(
    "--tidy/--no-tidy",
    default=True,
    help="Drop parts that nobody clicked and close small holes, as on the page.  [default: yes]",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where the model runs.  [default: auto]")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
@click.option("--out", type=FILE, help="Write the mask here: a PNG, white where the mask is.")
@click.option("--json", "as_json", is_flag=True, help="Print the mask as COCO RLE with its score.")
def segment(
    image: Path,
    points: Sequence[Point],
    box: Box | None,
    mask_file: Path | None,
    region: Region | None,
    model: str | None,
    text: str | None,
    text_model: str | None,
    candidate: int | None,
    tidy: bool,
    device: Device | None,
    home: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Segment IMAGE from points, a box or a mask; or everything that a text names: --out has all its masks as one."""
    from limner.encoding.images import decode_image
    from limner.vocabulary.prompts import Prompts

    if out is None and not as_json:
        raise click.UsageError("nothing would come of this: give --out FILE or --json")
    settings = settings_from({"home": home, "model": model, "device": device})
    prompts = Prompts(
        points=tuple((x, y) for x, y, _ in points),
        labels=tuple(label for _, _, label in points),
        box=box,
        has_mask=mask_file is not None,
    )
    if text is not None and (not prompts.empty or region is not None or candidate is not None):
        raise InvalidPrompt("A text and prompts do not go together.", hint="Give --text alone, or prompts.")
    if text is None and text_model is not None:
        raise InvalidPrompt("--text-model goes with --text.", hint="Give --text.")
    if prompts.empty and text is None:
        raise InvalidPrompt(
            "There is nothing to segment by.", hint="Give --point X,Y, --box X0,Y0,X1,Y1 or --mask FILE."
        )
    decoded = decode_image(image.read_bytes(), max_pixels=settings.max_pixels)
    if text is not None:
        mask, facts = _by_text(decoded, text, text_model, settings)
        if out is not None:
            _write_mask(mask, out)
        if as_json:
            click.echo(json.dumps({"image": str(image), **facts}))
        return
    prompts.check_inside(decoded.height, decoded.width)
    earlier = None if mask_file is None else _read_mask(mask_file, decoded, settings.max_pixels)
    mask, facts = _segment(decoded, prompts, earlier, region, candidate, settings, tidy=tidy)
    if out is not None:
        _write_mask(mask, out)
    if as_json:
        click.echo(json.dumps({"image": str(image), **facts}))


def _segment(
    decoded: DecodedImage,
    prompts: Prompts,
    earlier: NDArray[np.bool_] | None,
    region: Region | None,
    candidate: int | None,
    settings: Settings,
    *,
    tidy: bool,
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    """The mask (H, W) and what ``--json`` tells about it."""
    import torch

    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.vocabulary import rle
    from limner.vocabulary.geometry import logits_from_mask, upsample_logits
    from limner.vocabulary.prompts import choose_mask
    from limner.vocabulary.tidying import tidy_logits
    from limner.workers.encoder import choose_device

    loaded = load_model(settings.model, settings.home)
    masks = loaded.model.config.masks
    if candidate is not None and candidate >= masks.count:
        raise InvalidInput(
            f"{loaded.name} has no answer number {candidate}.", hint=f"It answers with 0 to {masks.count - 1}."
        )
    predictor = Predictor(loaded.model, device=choose_device(settings.device))
    started = time.perf_counter()
    embedding = predictor.embed(decoded.rgb, region)
    encoded = time.perf_counter()
    cells = loaded.model.config.low_res_size
    mask_input = None
    if earlier is not None:
        mask_input = logits_from_mask(region.of(earlier) if region else earlier, embedding.geometry, cells)
    low_res_masks, iou_predictions = predictor.decode(embedding, prompts, mask_input)
    decoded_at = time.perf_counter()
    scores = iou_predictions[0].cpu().numpy()
    index = choose_mask(scores, prompts, masks) if candidate is None else candidate
    low_res = low_res_masks[0, index].cpu().numpy()
    if tidy:
        low_res = tidy_logits(low_res, embedding.geometry, embedding.seen(prompts), mask_input)
    seen = torch.from_numpy(upsample_logits(low_res, embedding.geometry))
    mask = embedding.in_image(seen).numpy() > 0
    runs = rle.encode(mask)
    return mask, {
        "height": decoded.height,
        "width": decoded.width,
        "model": loaded.name,
        "model_sha256": loaded.weights_sha256,
        "segmentation": dict(runs),
        "area": rle.area(runs),
        "bbox": rle.bbox(runs),
        "mask_index": index,
        "tidied": tidy,
        "predicted_iou": float(scores[index]),
        "iou_predictions": [float(score) for score in scores],
        "seconds": {"encode": encoded - started, "decode": decoded_at - encoded},
    }


def _by_text(
    decoded: DecodedImage, text: str, text_model: str | None, settings: Settings
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    """All that a text names as one mask (H, W), and each object for ``--json``."""
    import numpy as np

    from limner.heads.annotating import TextSource
    from limner.heads.text import TextDetector
    from limner.models.registry import load_model
    from limner.models.text_detectors import parse_phrases, text_detector_folder
    from limner.segment.predictor import Predictor
    from limner.vocabulary import rle
    from limner.workers.encoder import choose_device

    phrases = parse_phrases(text)
    device = choose_device(settings.device)
    detector = TextDetector(text_detector_folder(settings.home, text_model), device)
    loaded = load_model(settings.model, settings.home)
    predictor = Predictor(loaded, device=device)
    found = TextSource(detector, phrases, predictor).find("", decoded.rgb, predictor.embed(decoded.rgb))
    mask = np.zeros((decoded.height, decoded.width), np.bool_)
    for each in found:
        mask |= rle.decode(each.mask)
    return mask, {
        "height": decoded.height,
        "width": decoded.width,
        "model": loaded.name,
        "model_sha256": loaded.weights_sha256,
        "text_model": detector.folder.name,
        "objects": [
            {
                "phrase": each.category,
                "segmentation": dict(each.mask),
                "area": rle.area(each.mask),
                "bbox": rle.bbox(each.mask),
                "box": list(each.box),
                "score": each.score,
                "predicted_iou": each.predicted_iou,
            }
            for each in found
        ],
    }


def _read_mask(path: Path, image: DecodedImage, max_pixels: int) -> NDArray[np.bool_]:
    """A mask file -> (H, W) bool.

    Raises:
        InvalidImage: when it is not an image.
        InvalidPrompt: when it is of another size than the image.
    """
    from limner.encoding.images import decode_image

    mask = decode_image(path.read_bytes(), max_pixels=max_pixels).rgb.any(axis=2)
    if mask.shape != (image.height, image.width):
        raise InvalidPrompt(
            f"The mask {path.name} has height {mask.shape[0]} and width {mask.shape[1]}.",
            hint=f"The image has height {image.height} and width {image.width}, after EXIF orientation.",
        )
    return mask


def _write_mask(mask: NDArray[np.bool_], path: Path) -> None:
    from PIL import Image

    with replacing(path) as partial:
        Image.fromarray(mask).save(partial, "PNG")
