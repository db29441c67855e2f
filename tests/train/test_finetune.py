"""Fine-tuning of tiny models: what learns, what stays, and that the result is an ordinary checkpoint."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from limner.errors import InvalidFile
from limner.models.checkpoints import load_into, read_state
from limner.models.registry import build_model, build_sam
from limner.sam.model import DecoderPrompt, PromptableModel
from limner.sam.samlet import Samlet
from limner.sam.vit import VitConfig
from limner.train import loop
from limner.train.config import Photos, TrainConfig, Validation
from limner.train.finetune import views
from limner.train.finetune.adapt import Adapt, Adaptation, adapt_model, merged
from limner.train.finetune.settings import suggested_config
from limner.train.finetune.tuning import finetune
from limner.train.photos import find_photos
from limner.train.state import read_checkpoint
from tests.tiny_samlet import TINY_SAMLET
from tests.train.helpers import tiny_config, write_photo

WEIGHTS = "ab" * 32  # stands for the hash of the weights that a run starts from
TINY_VIT = VitConfig(embed_dim=16, depth=2, num_heads=2, global_blocks=(1,), image_size=128, window_size=4)


def tiny_vit() -> PromptableModel:
    torch.manual_seed(1)
    model = build_sam("sam_vit_b", TINY_VIT)
    for name, parameter in model.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def tiny_samlet() -> PromptableModel:
    torch.manual_seed(1)
    return Samlet(TINY_SAMLET).eval()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for shade in range(12):
        write_photo(folder, f"p{shade}", shade=shade)
    return folder


def config_for(model: PromptableModel, adapt: Adapt, photos: Path, output: Path, steps: int) -> TrainConfig:
    source = Photos(share=1.0, folders=(photos,))
    config = suggested_config(model.config, adapt, output=output, photos=source, steps=steps, rate=2e-3)
    schedule = dataclasses.replace(config.schedule, log_every=1, checkpoint_every=2)
    sizes = (dataclasses.replace(config.sizes[0], images=2),)
    validation = Validation(images_per_source=1, masks_per_image=1)
    return dataclasses.replace(config, schedule=schedule, sizes=sizes, validation=validation)


def answer(model: PromptableModel) -> tuple[torch.Tensor, torch.Tensor]:
    side, low = model.config.image_size, model.config.low_res_size
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))
    points, labels = torch.tensor([[[20.0, 30.0], [0.0, 0.0]]]), torch.tensor([[1.0, -1.0]])
    with torch.inference_mode():
        logits, iou = model.eval().decode(model.encode(images), DecoderPrompt.of_points(points, labels, low))
    return logits, iou


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / loop.LOG).read_text().splitlines()]


@pytest.mark.parametrize(("adapt", "changed"), [("decoder", False), ("lora", True)])
def test_a_vit_learns_and_loads_back_under_its_official_names(
    adapt: Adapt, changed: bool, photos: Path, tmp_path: Path
) -> None:
    model, before = tiny_vit(), tiny_vit().state_dict()
    config = config_for(model, adapt, photos, tmp_path, steps=6)
    weights = finetune(model, WEIGHTS, config, Adaptation(adapt, rank=2), views=2)

    state = read_state(weights)
    assert state.keys() == before.keys()
    encoder = [name for name in before if name.startswith("image_encoder.")]
    assert any(not torch.equal(state[name], before[name]) for name in encoder) is changed
    assert any(not torch.equal(state[name], before[name]) for name in before.keys() - set(encoder))
    if adapt == "lora":
        moved = {name.rsplit(".", 2)[-2] for name in encoder if not torch.equal(state[name], before[name])}
        assert moved == {"qkv", "proj"}

    losses = [
        line["loss_click"] + line["loss_box"] for line in lines(tmp_path) if {"loss_click", "loss_box"} <= line.keys()
    ]
    assert np.mean(losses[-2:]) < 0.95 * np.mean(losses[:2])
    fresh = tiny_vit()
    load_into(fresh, state, "the result")
    assert all(torch.isfinite(part).all() for part in answer(fresh))


def test_what_is_merged_answers_as_what_was_trained() -> None:
    model = tiny_vit()
    before = answer(model)
    adapt_model(model, Adaptation("lora", rank=3))
    assert all(torch.equal(a, b) for a, b in zip(before, answer(model), strict=True))  # it begins as it was
    for name, parameter in model.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(parameter, std=0.1)
    apart, together = answer(model), answer(merged(model))
    assert not torch.allclose(before[0], apart[0], atol=1e-4)
    for a, b in zip(apart, together, strict=True):
        torch.testing.assert_close(a, b)
    assert merged(model).state_dict().keys() == tiny_vit().state_dict().keys()


def test_lora_finds_the_attention_of_mobile_sam_and_leaves_its_names() -> None:
    model = build_model("mobile_sam", seed=0)
    names = model.state_dict().keys()
    adapt_model(model, Adaptation("lora"))
    learning = {
        name.rsplit(".", 1)[-1]
        for name, value in model.get_submodule(model.encoder_name).named_parameters()
        if value.requires_grad
    }
    assert learning == {"up", "down"}
    assert merged(model).state_dict().keys() == names


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = (config_for(tiny_samlet(), "decoder", photos, tmp_path / name, steps=4) for name in ("a", "b"))
    expected = load_file(finetune(tiny_samlet(), WEIGHTS, whole, Adaptation()))
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        finetune(tiny_samlet(), WEIGHTS, broken, Adaptation())
    assert read_checkpoint(tmp_path / "b" / loop.CHECKPOINT)["step"] == 2
    resumed = load_file(finetune(tiny_samlet(), WEIGHTS, broken, Adaptation(), resume=True))
    for name, value in expected.items():
        assert torch.equal(value, resumed[name]), name


def stop_after(step: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl+C while the given step is being computed."""
    genuine, calls = loop.train_on_batch, [0]

    def interrupted(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), signal.SIGINT)
        return genuine(*arguments)

    patch.setattr(loop, "train_on_batch", interrupted)


def test_no_image_is_encoded_twice(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_samlet()
    finetune(model, WEIGHTS, config_for(model, "decoder", photos, tmp_path, steps=1), Adaptation(), views=2)
    monkeypatch.setattr(Samlet, "encode", lambda *_: pytest.fail("the embedding was there already"))
    model = tiny_samlet()
    finetune(
        model, WEIGHTS, config_for(model, "decoder", photos, tmp_path, steps=2), Adaptation(), views=2, resume=True
    )
    assert [line["step"] for line in lines(tmp_path) if "loss_corrected" in line or "loss_click" in line] == [1, 2]


def test_it_measures_before_and_after(tmp_path: Path) -> None:
    for shade in range(40):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade)
    model = tiny_samlet()
    finetune(
        model, WEIGHTS, config_for(model, "encoder", tmp_path / "photos", tmp_path / "run", 2), Adaptation("encoder")
    )
    measured = [line for line in lines(tmp_path / "run") if "miou" in line]
    assert [line["step"] for line in measured] == [0, 2]
    assert set(measured[0]["miou"]) == {"1", "3", "5", "box"}
    assert measured[0]["masks"] == 1


def test_another_start_cannot_resume(photos: Path, tmp_path: Path) -> None:
    model = tiny_samlet()
    config = config_for(model, "encoder", photos, tmp_path, steps=1)
    finetune(model, WEIGHTS, config, Adaptation("encoder"))
    with pytest.raises(InvalidFile, match="belongs to another run"):
        finetune(tiny_samlet(), "cd" * 32, config, Adaptation("encoder"), resume=True)
    with pytest.raises(InvalidFile, match="holds a run already"):
        finetune(tiny_samlet(), WEIGHTS, config, Adaptation("encoder"))


def test_a_loss_that_is_no_number_keeps_the_last_good_state(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_samlet()
    finetune(model, WEIGHTS, config_for(model, "encoder", photos, tmp_path, steps=2), Adaptation("encoder"))
    before = (tmp_path / loop.CHECKPOINT).read_bytes()
    monkeypatch.setattr(loop, "train_on_batch", lambda *_: {"loss_click": float("nan")})
    config = config_for(model, "encoder", photos, tmp_path, steps=4)
    with pytest.raises(loop.Diverged, match="step 2"):
        finetune(tiny_samlet(), WEIGHTS, config, Adaptation("encoder"), resume=True)
    assert (tmp_path / loop.CHECKPOINT).read_bytes() == before


def test_masks_too_small_to_ask_for_are_named(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "choose_targets", lambda *_: [])
    monkeypatch.setattr(views, "MOST_ATTEMPTS", 3)
    model = tiny_samlet()
    with pytest.raises(InvalidFile, match="No mask is large enough"):
        finetune(model, WEIGHTS, config_for(model, "encoder", photos, tmp_path, steps=1), Adaptation("encoder"))


def test_views_fill_the_square_of_a_model_that_stretches_images(tmp_path: Path) -> None:
    write_photo(tmp_path, "p")  # 48 high, 64 wide
    pool = views.PhotoPool(find_photos([tmp_path]), balance=1.0)
    config = tiny_config(tmp_path / "run")
    for fit, whole in (("pad", (48, 64)), ("stretch", (64, 64))):
        batches = views.ViewBatches(config, pool, stride=2, views=2, fit=fit)
        image, labels = batches.view(next(iter(pool.photos())), 0, 64)
        assert image.shape[:2] == labels.shape[1:] == whole
    assert (batches.view(next(iter(pool.photos())), 1, 64)[0].shape[:2]) == (64, 64)
    fresh = views.ViewBatches(config, pool, stride=2, fit="stretch")
    assert (fresh[0].images[:, :, -1, -1] != 0).all()  # padding is zero
