"""What is done to Samlet's weights after the training: ``python -m limner.train.finishing WEIGHTS OUT FOLDER …``.

After a lone click, the best of masks 1 to 3 by predicted IoU is shown. Training teaches these predictions last of all.
Therefore their layer is fitted once more when nothing else moves any longer, by ridge regression on single clicks on
photos of the training: all masks, and the prediction of mask 0, stay what they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from tqdm import tqdm

from limner.errors import LimnerError
from limner.sam.common import as_kind
from limner.sam.samlet import Samlet
from limner.sam.samlet.decoder import Prepared, smooth
from limner.train.batches import Batch, BatchDataset
from limner.train.config import Photos, PromptMix, Run, Schedule, Size, TrainConfig
from limner.train.losses import true_iou
from limner.train.simulation import first_prompts
from limner.train.state import new_samlet, save_weights

RIDGE = 0.05  # per click, of the squared change of the layer
CLICKS_PER_PHOTO = 6
CPU = torch.device("cpu")


def refit_scores(model: Samlet, batches: Iterable[Batch]) -> int:
    """Fit the layer that predicts the IoUs of masks 1 to 3 to the batches' first clicks; returns how many those were.

    The layer's change S minimises ‖H·S − (reached − predicted)‖² + RIDGE · clicks · ‖S‖², H what it gets, and a one.
    """
    layer = as_kind(as_kind(model.decoder.iou_head.layers, nn.ModuleList)[-1], nn.Linear)
    inputs, errors = [], []
    model.eval()
    for batch in batches:
        hidden, error = _on_first_clicks(model, layer, batch)
        inputs.append(hidden)
        errors.append(error)
    H = torch.cat(inputs).double()  # (clicks, C)
    H = torch.cat([H, torch.ones_like(H[:, :1])], 1)
    gram = H.T @ H + RIDGE * len(H) * torch.eye(H.shape[1], dtype=H.dtype)
    change = torch.linalg.solve(gram, H.T @ torch.cat(errors).double()).T.to(layer.weight.dtype)  # (3, C + 1)
    with torch.no_grad():
        layer.weight[1:] += change[:, :-1]
        layer.bias[1:] += change[:, -1]
    return len(H)


@torch.inference_mode()
def _on_first_clicks(model: Samlet, layer: nn.Linear, batch: Batch) -> tuple[Tensor, Tensor]:
    """What the layer gets (P, C), and by how much it predicts too little for masks 1 to 3 (P, 3)."""
    seen: list[Tensor] = []
    watching = layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    try:
        prepared = model.decoder.prepare(model.encode(batch.images.float()))
        per_image = len(batch.masks) // len(batch.images)
        repeated = Prepared(*(tensor.repeat_interleave(per_image, 0) for tensor in prepared))
        talk = first_prompts(batch)
        no_mask = torch.zeros(len(talk.points))
        logits, predicted = model.decode_prepared(repeated, talk.points, talk.labels, talk.logits[:, None], no_mask)
    finally:
        watching.remove()
    reached = true_iou(logits, batch.masks[:, :1].float())  # (P, 4)
    return seen[0], (reached - predicted)[:, 1:]


def finish(weights: Path, out: Path, folders: tuple[Path, ...], photos: int, smoothed: bool) -> int:
    """Write finished weights; returns the number of clicks that the predictions were fitted to.

    Raises:
        MissingWeights, WrongWeights: see `new_samlet`.
        InvalidFile: see `find_photos` and `PhotoLibrary`.
    """
    config = TrainConfig(
        run=Run(output=out.parent, start_from=weights),
        schedule=Schedule(steps=photos),
        sizes=(Size(Samlet().config.image_size, images=1, share=1.0),),
        prompts=PromptMix(per_image=CLICKS_PER_PHOTO, boxes=0.0, boxes_with_click=0.0),
        photos=Photos(share=1.0, folders=folders, balance=0.0, paste=0.0),
    )
    model, _ = new_samlet(config, CPU)
    if smoothed:
        smooth(model.decoder.upscaler.mix2)
    dataset = BatchDataset(config)
    clicks = refit_scores(model, (dataset[number] for number in tqdm(range(photos), unit="photo")))
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
    parser.add_argument("--photos", type=int, default=300, help="how many views of photos to click on")
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
