"""What is done to Samlet's weights after the training: ``python -m limner.train.finishing WEIGHTS OUT FOLDER …``.

After a lone click, the best of masks 1 to 3 by predicted IoU is shown. Training teaches these predictions last of all.
Therefore their layer is fitted once more when nothing else moves any longer, by ridge regression on single clicks on
photos of the training: all masks, and the prediction of mask 0, stay what they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn
from tqdm import tqdm

from limner.errors import LimnerError
from limner.sam.common import as_kind
from limner.sam.samlet import Samlet, SamletConfig
from limner.sam.samlet.decoder import smooth
from limner.train.augment import random_view
from limner.train.batches import stacked
from limner.train.clicks import deepest_point
from limner.train.config import Run, Schedule, Size, TrainConfig
from limner.train.losses import true_iou
from limner.train.photos import PhotoLibrary, find_photos
from limner.train.state import new_samlet, save_weights

_CLICKED = 12  # stream of random numbers
RIDGE = 0.05  # per click, of the squared change of the layer
CLICKS_PER_PHOTO = 4
SMALLEST = 5e-4  # of the image: smaller masks are not clicked on
CPU = torch.device("cpu")


class Clicked(NamedTuple):
    """One image and single clicks in the middle of some of its masks, where people click."""

    image: Tensor  # (1, 3, S, S), normalised and padded
    clicks: Tensor  # (P, 2), x and y in model pixels
    masks: Tensor  # (P, H, W) bool, H and W at most S: what the clicks mean, without the padding


class ClickedPhotos:
    """Views of photos by number, every source as often as any other.

    Raises:
        InvalidFile: see `find_photos` and `PhotoLibrary`.
    """

    def __init__(self, folders: Sequence[Path], size: int):
        self._library, self._size = PhotoLibrary(find_photos(folders), balance=0.0), size

    def __getitem__(self, number: int) -> Clicked:
        rng = np.random.default_rng([_CLICKED, number])
        while True:  # until a view shows masks
            image, labels = random_view(rng, *self._library.draw(rng), self._size)
            masks = [
                layer == label
                for layer in labels
                for label in np.flatnonzero(np.bincount(layer.ravel())[1:] >= SMALLEST * layer.size) + 1
            ]
            if masks:
                break
        rng.shuffle(masks)
        chosen = masks[:CLICKS_PER_PHOTO]
        clicks = torch.tensor([deepest_point(mask)[:2] for mask in chosen]) + 0.5
        return Clicked(stacked([image], self._size).float(), clicks, torch.from_numpy(np.stack(chosen)))


def refit_scores(model: Samlet, photos: Iterable[Clicked]) -> int:
    """Fit the layer that predicts the IoUs of masks 1 to 3 to single clicks; returns how many those were.

    The layer's change S minimises ‖H·S − (reached − predicted)‖² + RIDGE · clicks · ‖S‖², H what it gets, and a one.
    """
    layer = as_kind(as_kind(model.decoder.iou_head.layers, nn.ModuleList)[-1], nn.Linear)
    model.eval()
    found = [_on_clicks(model, layer, photo) for photo in photos]
    H = torch.cat([hidden for hidden, _ in found]).double()  # (clicks, C)
    H = torch.cat([H, torch.ones_like(H[:, :1])], 1)
    errors = torch.cat([error for _, error in found]).double()  # (clicks, 3)
    gram = H.T @ H + RIDGE * len(H) * torch.eye(H.shape[1], dtype=H.dtype)
    change = torch.linalg.solve(gram, H.T @ errors).T.to(layer.weight.dtype)  # (3, C + 1)
    with torch.no_grad():
        layer.weight[1:] += change[:, :-1]
        layer.bias[1:] += change[:, -1]
    return len(H)


@torch.inference_mode()
def _on_clicks(model: Samlet, layer: nn.Linear, photo: Clicked) -> tuple[Tensor, Tensor]:
    """What the layer gets (P, C), and by how much it predicts too little for masks 1 to 3 (P, 3)."""
    seen: list[Tensor] = []
    watching = layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    count, low_res = len(photo.clicks), model.config.low_res_size
    points = torch.stack([photo.clicks, torch.zeros(count, 2)], 1)  # the click and a point of padding
    labels = torch.tensor([[1.0, -1.0]]).expand(count, -1)
    try:
        prepared = model.decoder.prepare(model.encode(photo.image))
        logits, predicted = model.decode_prepared(
            prepared, points, labels, torch.zeros(count, 1, low_res, low_res), torch.zeros(count)
        )
    finally:
        watching.remove()
    height, width = photo.masks.shape[1:]
    side = photo.image.shape[-1]
    shown = F.interpolate(logits, (side, side), mode="bilinear", align_corners=False)[:, :, :height, :width]
    reached = true_iou(shown, photo.masks[:, None].float())  # (P, 4)
    return seen[0], (reached - predicted)[:, 1:]


def finish(weights: Path, out: Path, folders: tuple[Path, ...], photos: int, smoothed: bool) -> int:
    """Write finished weights; returns the number of clicks that the predictions were fitted to.

    Raises:
        MissingWeights, WrongWeights: see `new_samlet`.
        InvalidFile: see `find_photos` and `PhotoLibrary`.
    """
    size = SamletConfig().image_size
    start = Run(output=out.parent, start_from=weights)
    model, _ = new_samlet(TrainConfig(start, Schedule(steps=photos), (Size(size, images=1, share=1.0),)), CPU)
    if smoothed:
        smooth(model.decoder.upscaler.mix2)
    views = ClickedPhotos(folders, size)
    clicks = refit_scores(model, (views[number] for number in tqdm(range(photos), unit="photo")))
    with safe_open(weights, "pt") as file:
        metadata = file.metadata() or {}
    save_weights(model, out, metadata)
    return clicks


def main() -> int:
    """Finish the weights that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m limner.train.finishing", description="Finish Samlet's weights.")
    parser.add_argument("weights", type=Path, help="a .safetensors file")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("folders", type=Path, nargs="+", help="the photos of the training, X.jpg and X.json in pairs")
    parser.add_argument("--photos", type=int, default=250, help="how many views of photos to click on")
    parser.add_argument(
        "--smooth", action="store_true", help="even out the last upscaling, too: once, of older weights"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        clicks = finish(arguments.weights, arguments.out, tuple(arguments.folders), arguments.photos, arguments.smooth)
    except LimnerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{arguments.out}: predictions fitted to {clicks} clicks\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
