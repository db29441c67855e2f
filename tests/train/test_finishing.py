"""The last layer of the predicted IoUs, fitted again to first clicks on photos."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from limner.sam.samlet import Samlet
from limner.train import finishing
from limner.train.batches import Batch, BatchDataset
from limner.train.config import Photos, PromptMix, Run, Schedule, Size, TrainConfig
from limner.train.losses import true_iou
from limner.train.state import save_weights
from tests.sam.reference import lively
from tests.train.helpers import TINY_MODEL, write_photo


def click_batches(folder: Path, count: int) -> list[Batch]:
    for shade in range(4):
        write_photo(folder, f"photo{shade}", shade=shade)
    config = TrainConfig(
        run=Run(output=folder),
        schedule=Schedule(steps=count),
        sizes=(Size(64, images=2, share=1.0),),
        prompts=PromptMix(per_image=3, boxes=0.0, boxes_with_click=0.0),
        photos=Photos(share=1.0, folders=(folder,), paste=0.0),
    )
    dataset = BatchDataset(config)
    return [dataset[number] for number in range(count)]


@torch.no_grad()
def answers(model: Samlet, batches: list[Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (P, 4, h, w), predicted and reached IoUs (P, 4) of single clicks, asked one by one."""
    model.eval()
    logits, predicted, reached = [], [], []
    for batch in batches:
        embeddings = model.encode(batch.images.float())
        per_image = len(batch.masks) // len(batch.images)
        for number, click in enumerate(batch.clicks):
            embedding = embeddings[number // per_image][None]
            masks, iou = model.decode(
                embedding, click[None, None], torch.ones(1, 1), torch.zeros(1, 1, 32, 32), torch.zeros(1)
            )
            logits.append(masks)
            predicted.append(iou)
            reached.append(true_iou(masks, batch.masks[number, :1].float()[None]))
    return torch.cat(logits), torch.cat(predicted), torch.cat(reached)


def test_predictions_come_closer_and_nothing_else_moves(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model = Samlet(TINY_MODEL)
    lively(model)
    batches = click_batches(tmp_path, 12)
    masks, predicted, reached = answers(model, batches)
    clicks = finishing.refit_scores(model, batches)
    same_masks, fitted, _ = answers(model, batches)
    assert clicks == len(masks) == 12 * 2 * 3
    assert torch.equal(masks, same_masks)
    torch.testing.assert_close(predicted[:, 0], fitted[:, 0])
    before = (predicted - reached)[:, 1:].square().mean()
    assert (fitted - reached)[:, 1:].square().mean() < 0.7 * before


@pytest.mark.parametrize("smooth", [False, True])
def test_the_command_writes_weights_of_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smooth: bool
) -> None:
    for shade in range(3):
        write_photo(tmp_path / "photos", f"photo{shade}", shade=shade)
    weights, out = tmp_path / "weights.safetensors", tmp_path / "finished.safetensors"
    save_weights(Samlet(), weights, {"family": "samlet", "steps": "7"})
    arguments = ["finishing", str(weights), str(out), str(tmp_path / "photos"), "--photos", "1"]
    monkeypatch.setattr("sys.argv", arguments + ["--smooth"] * smooth)
    assert finishing.main() == 0
    before, after = load_file(weights), load_file(out)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    layer = "decoder.iou_head.layers.2"
    upscaling = {"decoder.upscaler.mix2.weight"} if smooth else set()
    assert changed == {f"{layer}.weight", f"{layer}.bias"} | upscaling
    assert torch.equal(before[f"{layer}.weight"][0], after[f"{layer}.weight"][0])


def test_missing_weights_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.safetensors"
    monkeypatch.setattr("sys.argv", ["finishing", str(missing), str(tmp_path / "out.safetensors"), str(tmp_path)])
    assert finishing.main() == 1
    assert "none.safetensors" in capsys.readouterr().err
