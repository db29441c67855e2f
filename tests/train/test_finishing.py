"""The last layer of the predicted IoUs, fitted again to first clicks on photos."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from limner.sam.samlet import Samlet
from limner.train import finishing
from limner.train.finishing import Clicked, ClickedPhotos
from limner.train.losses import true_iou
from limner.train.state import save_weights
from tests.sam.reference import lively
from tests.tiny_samlet import TINY_SAMLET
from tests.train.helpers import write_photo


def clicked_photos(folder: Path, count: int) -> list[Clicked]:
    for shade in range(4):
        write_photo(folder, f"photo{shade}", shade=shade)
    views = ClickedPhotos([folder], TINY_SAMLET.image_size)
    return [views[number] for number in range(count)]


@torch.no_grad()
def answers(model: Samlet, photos: list[Clicked]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (P, 4, h, w), predicted and reached IoUs (P, 4) of the clicks, asked one by one."""
    model.eval()
    logits, predicted, reached = [], [], []
    for photo in photos:
        embedding = model.encode(photo.image)
        for click, mask in zip(photo.clicks, photo.masks, strict=True):
            masks, iou = model.decode(
                embedding, click[None, None], torch.ones(1, 1), torch.zeros(1, 1, 32, 32), torch.zeros(1)
            )
            large = torch.nn.functional.interpolate(masks, scale_factor=2, mode="bilinear")
            logits.append(masks)
            predicted.append(iou)
            reached.append(true_iou(large[:, :, : mask.shape[0], : mask.shape[1]], mask[None, None].float()))
    return torch.cat(logits), torch.cat(predicted), torch.cat(reached)


def test_clicks_are_inside_what_they_mean(tmp_path: Path) -> None:
    for photo in clicked_photos(tmp_path, 5):
        for (x, y), mask in zip(photo.clicks.long().tolist(), photo.masks, strict=True):
            assert mask[y, x]


def test_predictions_come_closer_and_nothing_else_moves(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model = Samlet(TINY_SAMLET)
    lively(model)
    photos = clicked_photos(tmp_path, 12)
    masks, predicted, reached = answers(model, photos)
    clicks = finishing.refit_scores(model, photos)
    same_masks, fitted, _ = answers(model, photos)
    assert clicks == len(masks)
    assert torch.equal(masks, same_masks)
    assert torch.equal(predicted[:, 0], fitted[:, 0])
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
