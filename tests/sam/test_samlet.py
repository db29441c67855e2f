"""Samlet behind the seam: the cut between image and prompts, batches, padding, cost, and the shipped weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from limner.models.checkpoints import read_state
from limner.models.registry import model_from_state
from limner.sam.model import PADDING_LOGIT, DecoderPrompt, Features
from limner.sam.samlet import Backbone, Samlet, SplitSamlet, backbone_of
from limner.sam.samlet.decoder import SMOOTHING, smooth
from limner.sam.samlet.prompt_maps import PromptGrid, dense_maps
from limner.train.evaluation import ModelSubject, Protocol, evaluate_mask
from limner.train.scenes import SceneGenerator
from limner_onnx.graphs import example_features
from tests.sam.reference import lively, relative_difference
from tests.tiny_samlet import TINY_SAMLET

WEIGHTS = Path(__file__).parents[2] / "data" / "samlet.safetensors"


@pytest.fixture(scope="module")
def tiny() -> Samlet:
    torch.manual_seed(3)
    return Samlet(TINY_SAMLET).eval()


@pytest.fixture(scope="module")
def embedding(tiny: Samlet) -> Features:
    with torch.no_grad():
        return tiny.encode(torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)))


def prompts() -> DecoderPrompt:
    points = torch.tensor([[[10.0, 20.0], [0, 0], [0, 0]], [[8.0, 8.0], [4, 4], [40, 50]]])
    labels = torch.tensor([[1.0, -1, -1], [0, 2, 3]])
    mask = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2)) * 4
    return DecoderPrompt(points, labels, mask, torch.tensor([0.0, 1.0]))


def test_shapes_follow_the_config(tiny: Samlet, embedding: Features) -> None:
    config = tiny.config
    assert {name: values.shape for name, values in embedding.items()} == {
        spec.name: spec.shape for spec in config.features
    }
    masks, ious = tiny.decode(embedding, prompts())
    assert masks.shape == (2, config.masks.count, config.low_res_size, config.low_res_size)
    assert ious.shape == (2, config.masks.count)


@torch.no_grad()
@pytest.mark.parametrize("side", [64, 96])
def test_both_encoders_embed_at_stride_8(side: int) -> None:
    for backbone in get_args(Backbone):
        model = Samlet(dataclasses.replace(TINY_SAMLET, backbone=backbone)).eval()
        assert backbone_of(model.state_dict()) == backbone
        (embedding,) = model.encode(torch.zeros(2, 3, side, side)).values()
        assert embedding.shape == (2, TINY_SAMLET.embed_dim, side // 8, side // 8)


@torch.no_grad()
def test_cut_decoder_answers_as_the_whole_one(tiny: Samlet, embedding: Features) -> None:
    cut = SplitSamlet(tiny)
    prepared = cut.prepare(embedding)
    assert len(prepared) == len(cut.prepared_names)
    for whole, found in zip(tiny.decode(embedding, prompts()), cut.decode(prepared, prompts()), strict=True):
        torch.testing.assert_close(whole, found, rtol=0, atol=0)


def one_prompt(labels: list[int], has_mask: bool, seed: int) -> DecoderPrompt:
    generator = torch.Generator().manual_seed(seed)
    coords = torch.rand(1, len(labels), 2, generator=generator) * 64
    mask = torch.randn(1, 1, 32, 32, generator=generator) * 4
    return DecoderPrompt(coords, torch.tensor([labels], dtype=torch.float32), mask, torch.tensor([float(has_mask)]))


@pytest.fixture(scope="module")
def lively_tiny() -> Samlet:
    torch.manual_seed(5)
    model = Samlet(TINY_SAMLET).eval()
    lively(model)
    torch.nn.init.normal_(model.decoder.upscaler.mix2.weight, std=0.2)  # the same in all channels when fresh
    return model


@torch.no_grad()
@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize(
    "labels", [[1, -1], [1, 0, 1, -1], [2, 3], [1, 0, 2, 3], [1, 0] * 15 + [-1]], ids=lambda labels: str(len(labels))
)
def test_rearranged_decoder_is_the_same_function(lively_tiny: Samlet, labels: list[int], has_mask: bool) -> None:
    split = lively_tiny.split()
    for seed in range(8):
        image = example_features(lively_tiny.config.features, seed)
        prompt = one_prompt(labels, has_mask, seed)
        prepared = split.prepare(image)
        assert len(prepared) == len(split.prepared_names)
        found = split.decode(prepared, prompt)
        for ours, plain in zip(found, lively_tiny.decode(image, prompt), strict=True):
            assert relative_difference(ours, plain) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("valid_size", [(8, 8), (5, 8), (8, 3), (1, 1), (4, 6), (6, 7)])
def test_only_cells_that_show_the_image_are_upscaled(lively_tiny: Samlet, valid_size: tuple[int, int]) -> None:
    split = lively_tiny.split()
    image = example_features(lively_tiny.config.features, 1)
    prompt = one_prompt([1, 2, 3], True, 2)
    masks, iou = split.decode(split.prepare(image, torch.tensor(valid_size)), prompt)
    plain, plain_iou = lively_tiny.decode(image, prompt)
    assert masks.shape == plain.shape
    assert relative_difference(iou, plain_iou) < 1e-5
    computed = masks != PADDING_LOGIT
    rows, columns = (4 * cells for cells in valid_size)
    assert computed[..., :rows, :columns].all()
    assert relative_difference(masks * computed, plain * computed) < 1e-5
    assert computed.all() == (min(valid_size) > 4)  # with two more, and whole cells at stride 16


@torch.no_grad()
def test_masks_that_are_rated_too_low_are_not_made(lively_tiny: Samlet, monkeypatch: pytest.MonkeyPatch) -> None:
    split = lively_tiny.split()
    prepared = split.prepare(example_features(lively_tiny.config.features, 3))
    prompt = one_prompt([1, -1], False, 4)
    masks, iou = split.decode(prepared, prompt)
    for least in [-10.0, *(iou[0, 1:] + 1e-6).tolist()]:
        passing = iou[0, 1:] > least
        some, ratings = split.decode_above(least, prepared, prompt)
        assert torch.equal(some, masks[0, 1:][passing])
        assert torch.equal(ratings, iou)
    monkeypatch.setattr(split, "_upscale", None)  # would fail if it were called
    none, _ = split.decode_above(float(iou.max()) + 1, prepared, prompt)
    assert none.shape == (0, *masks.shape[2:])


@torch.no_grad()
def test_a_batch_of_prompts_is_its_single_prompts(tiny: Samlet, embedding: Features) -> None:
    together, _ = tiny.decode(embedding, prompts())
    for index in range(2):
        alone, _ = tiny.decode(embedding, DecoderPrompt(*(tensor[index : index + 1] for tensor in prompts())))
        torch.testing.assert_close(alone[0], together[index], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_padding_points_change_nothing(tiny: Samlet, embedding: Features) -> None:
    points, labels, mask, has_mask = prompts()
    padded = (
        torch.cat([points, torch.full((2, 2, 2), 7.0)], dim=1),
        torch.cat([labels, torch.full((2, 2), -1.0)], dim=1),
    )
    for plain, more in zip(
        tiny.decode(embedding, prompts()),
        tiny.decode(embedding, DecoderPrompt(*padded, mask, has_mask)),
        strict=True,
    ):
        torch.testing.assert_close(plain, more, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_mask_input_counts_only_when_it_is_said_to(tiny: Samlet, embedding: Features) -> None:
    points, labels, mask, has_mask = prompts()
    before, _ = tiny.decode(embedding, DecoderPrompt(points, labels, mask, has_mask))
    after, _ = tiny.decode(embedding, DecoderPrompt(points, labels, -mask, has_mask))
    torch.testing.assert_close(before[0], after[0], rtol=0, atol=0)
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_prompt_maps_are_drawn_where_the_prompt_is() -> None:
    points = torch.tensor([[[0.3125, 0.6875], [0.25, 0.25], [0.75, 0.5]]])  # the click is at cell (2, 5) of 8 × 8
    grid = PromptGrid.of(points, torch.tensor([[0.0, 2, 3]]), 8, 8)
    maps = dense_maps(grid, torch.zeros(1, 3, 8, 8))[0]
    foreground, background, box = maps[0], maps[2], maps[4]
    assert foreground.max() == 0
    assert background.argmax() == 5 * 8 + 2
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:4, 2:6] = True
    assert torch.equal(box > 0.35, inside)


@torch.no_grad()
def test_the_last_upscaling_begins_even() -> None:
    upscaler = Samlet(TINY_SAMLET).decoder.upscaler
    speckles = torch.ones(1, 4, 12, 12)
    speckles[:, :, ::2, ::2] = 3  # one quarter of every cell sticks out
    inside = (speckles + upscaler.mix2(speckles))[:, :, 2:-2, 2:-2]
    assert inside.mean() == pytest.approx(1.5, abs=1e-5)
    assert inside.std() < 0.25 * speckles.std()


@torch.no_grad()
def test_smoothing_a_learned_convolution_is_blurring_what_it_makes() -> None:
    mix = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4)
    torch.nn.init.normal_(mix.weight, std=0.01, generator=torch.Generator().manual_seed(1))  # the shipped ones: 0.01
    x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    sharp = (x + mix(x))[0].permute(1, 2, 0).numpy()
    blurred = cv2.GaussianBlur(sharp, (3, 3), SMOOTHING)
    smooth(mix)
    found = (x + mix(x))[0].permute(1, 2, 0).numpy()
    assert np.abs(found - blurred)[2:-2, 2:-2].max() < 0.02 * np.abs(sharp).max()


@pytest.fixture(scope="module")
def samlet() -> Samlet:
    torch.set_num_threads(1)
    model = model_from_state(read_state(WEIGHTS), WEIGHTS.name, "samlet")
    assert isinstance(model, Samlet)
    return model


class TestShippedWeights:
    def test_small_enough_for_the_wheel(self) -> None:
        assert WEIGHTS.stat().st_size <= 16_000_000

    @torch.no_grad()
    def test_a_click_is_cheap(self, samlet: Samlet) -> None:
        split = samlet.split()
        prepared = split.prepare(example_features(samlet.config.features))
        points, labels = torch.tensor([[[100.0, 100], [0, 0]]]), torch.tensor([[1.0, -1]])
        with FlopCounterMode(display=False) as counter:
            split.decode(prepared, DecoderPrompt.of_points(points, labels, 256))
        assert counter.get_total_flops() / 2 <= 350e6

    def test_segments_scenes_it_has_not_seen(self, samlet: Samlet) -> None:
        subject = ModelSubject(samlet)
        scenes = SceneGenerator(seed=987654)
        results = []
        for index in range(4):
            scene = scenes.scene(index, 256)
            subject.open(scene.image)
            areas = np.bincount(scene.labels[0].ravel(), minlength=2)
            areas[0] = 0
            target = scene.labels[0] == areas.argmax()
            results.append(evaluate_mask(subject, target, Protocol(clicks=(1, 3), box=True)))
        assert np.mean([result["3"] for result in results]) > 0.6
        assert np.mean([result["box"] for result in results]) > 0.6
