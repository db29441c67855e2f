"""The rearranged decoder is the same function as the plain one."""

from __future__ import annotations

import copy

import pytest
import torch

from limner.models.registry import build_sam
from limner.sam.factored.decoder import FactoredDecoder
from limner.sam.factored.low_rank import TokenUpdate, softmax_over_tokens, squares
from limner.sam.factored.prepared import Prepared
from limner.sam.model import PADDING_LOGIT, DecoderPrompt, Features
from limner.sam.sam import Sam
from limner.sam.vit import VitConfig
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from tests.sam.reference import lively, relative_difference

NO_ENCODER = VitConfig(embed_dim=32, depth=1, num_heads=1, global_blocks=(), image_size=256)


def sam(attention: float, dtype: torch.dtype, vit: VitConfig = NO_ENCODER) -> Sam:
    """A decoder with lively weights; ``attention`` sharpens all of its attentions."""
    torch.manual_seed(21)
    model = build_sam("sam_vit_b", vit).eval()
    lively(model, attention)
    return model.to(dtype)


def factored(model: Sam) -> FactoredDecoder:
    return FactoredDecoder(model.prompt_encoder, model.mask_decoder)


def embedding(model: Sam, seed: int) -> Features:
    """Noise with offsets and outliers in some channels, as embeddings of trained encoders have."""
    generator = torch.Generator().manual_seed(seed)
    (spec,) = model.config.features
    noise = torch.randn(spec.shape, generator=generator, dtype=torch.float64)
    offsets = torch.randn(1, spec.channels, 1, 1, generator=generator, dtype=torch.float64) ** 3
    return {IMAGE_EMBEDDINGS: (noise + offsets).to(next(model.parameters()).dtype)}


def random_prompt(model: Sam, seed: int) -> DecoderPrompt:
    """1–8 points, with or without a box, with or without a mask."""
    generator = torch.Generator().manual_seed(seed)

    def below(n: int) -> int:
        return int(torch.randint(n, (1,), generator=generator))

    labels = [below(2) for _ in range(1 + below(8))]
    labels += [2, 3] if below(2) else [-1]
    side, dtype = model.config.low_res_size, next(model.parameters()).dtype
    coords = torch.rand(1, len(labels), 2, generator=generator) * model.config.image_size
    mask = torch.randn(1, 1, side, side, generator=generator) * 5
    switch = torch.tensor([float(below(2))])
    return DecoderPrompt(coords.to(dtype), torch.tensor([labels], dtype=dtype), mask.to(dtype), switch)


@pytest.mark.parametrize("attention", [1.0, 4.0, 12.0])
def test_exact_in_float64(attention: float) -> None:
    model = sam(attention, torch.float64)
    split = factored(model)
    image = embedding(model, 3)
    with torch.inference_mode():
        prepared = split.prepare(image)
        for seed in range(24):
            prompt = random_prompt(model, seed)
            for ours, plain in zip(split.decode(prepared, prompt), model.decode(image, prompt), strict=True):
                assert relative_difference(ours, plain) < 1e-10


@pytest.mark.parametrize("points", [11, 12, 13, 30])
@pytest.mark.parametrize("has_mask", [0.0, 1.0])
def test_exact_with_many_points(points: int, has_mask: float) -> None:
    """From 13 tokens of prompts on, the rank stays where it is."""
    model = sam(4.0, torch.float64)
    split = factored(model)
    image = embedding(model, 5)
    _, _, mask, _ = random_prompt(model, points)
    labels = torch.tensor([[float(index % 2) for index in range(points)] + [-1.0]], dtype=torch.float64)
    coords = torch.rand(1, points + 1, 2, dtype=torch.float64) * model.config.image_size
    prompt = DecoderPrompt(coords, labels, mask, torch.tensor([has_mask]))
    with torch.inference_mode():
        prepared = split.prepare(image)
        for ours, plain in zip(split.decode(prepared, prompt), model.decode(image, prompt), strict=True):
            assert relative_difference(ours, plain) < 1e-10


@pytest.mark.parametrize("valid_size", [(16, 16), (11, 16), (16, 5), (1, 16)])
def test_only_cells_that_show_the_image_are_upscaled(valid_size: tuple[int, int]) -> None:
    model = sam(4.0, torch.float64)
    split = factored(model)
    image = embedding(model, 6)
    prompt = random_prompt(model, 7)
    rows, columns = (4 * cells for cells in valid_size)
    with torch.inference_mode():
        masks, iou = split.decode(split.prepare(image, torch.tensor(valid_size)), prompt)
        plain, plain_iou = model.decode(image, prompt)
    assert masks.shape == plain.shape
    assert relative_difference(iou, plain_iou) < 1e-10
    assert relative_difference(masks[..., :rows, :columns], plain[..., :rows, :columns]) < 1e-10
    assert (masks[..., rows:, :] == PADDING_LOGIT).all()
    assert (masks[..., columns:] == PADDING_LOGIT).all()


@pytest.mark.parametrize("attention", [2.0, 12.0])
def test_float32_is_as_good_as_the_plain_decoder(attention: float) -> None:
    model = sam(attention, torch.float32)
    split = factored(model)
    exact_model = copy.deepcopy(model).double()
    flipped = cells = 0
    worst = worst_plain = 0.0
    with torch.inference_mode():
        for seed in range(500):
            if seed % 50 == 0:
                image = embedding(model, seed)
                prepared = split.prepare(image)
            prompt = random_prompt(model, seed)
            masks, iou = split.decode(prepared, prompt)
            plain_masks, plain_iou = model.decode(image, prompt)
            exact_masks, _ = exact_model.decode(
                {IMAGE_EMBEDDINGS: image[IMAGE_EMBEDDINGS].double()}, prompt.to(torch.float64)
            )
            assert relative_difference(masks, plain_masks) < 1e-4
            assert relative_difference(iou, plain_iou) < 1e-4
            plain_error = relative_difference(plain_masks.double(), exact_masks)
            worst = max(worst, relative_difference(masks.double(), exact_masks))
            worst_plain = max(worst_plain, plain_error)
            # Sharp attention makes rounding errors larger, the plain decoder's too: signs near those are not known.
            certain = exact_masks.abs() > max(1e-5, plain_error) * exact_masks.abs().max()
            flipped += int((((masks > 0) != (exact_masks > 0)) & certain).sum())
            cells += masks.numel()
    assert flipped == 0
    assert cells > 8_000_000
    assert worst < 5 * worst_plain


def test_exact_at_full_size() -> None:
    vit = VitConfig(embed_dim=32, depth=1, num_heads=1, global_blocks=())
    model = sam(4.0, torch.float32, vit)
    split = factored(model)
    image = embedding(model, 1)
    with torch.inference_mode():
        prepared = split.prepare(image)
        assert sum(tensor.numel() for tensor in prepared) * 4 < 36e6  # bytes that stay in memory for one image
        for seed in (2, 5):
            prompt = random_prompt(model, seed)
            for ours, plain in zip(split.decode(prepared, prompt), model.decode(image, prompt), strict=True):
                assert relative_difference(ours, plain) < 1e-5


def test_masks_that_are_rated_too_low_are_not_made() -> None:
    model = sam(2.0, torch.float64)
    split = factored(model)
    image = embedding(model, 9)
    prompt = random_prompt(model, 11)
    with torch.inference_mode():
        prepared = split.prepare(image)
        masks, iou = model.decode(image, prompt)
        for least in [-10.0, *(iou[0, 1:] + 1e-9).tolist()]:
            passing = iou[0, 1:] > least
            for decode in (split.decode_above, super(FactoredDecoder, split).decode_above):
                some, ratings = decode(least, prepared, prompt)
                assert some.shape == (int(passing.sum()), *masks.shape[2:])
                torch.testing.assert_close(some, masks[0, 1:][passing])
                torch.testing.assert_close(ratings, iou)


def test_mask_prompt_needs_no_second_prepare() -> None:
    model = sam(2.0, torch.float64)
    split = factored(model)
    image = embedding(model, 9)
    coords, labels, mask, _ = random_prompt(model, 4)
    with torch.inference_mode():
        prepared = split.prepare(image)
        for has_mask in (0.0, 1.0, 0.0):
            prompt = DecoderPrompt(coords, labels, mask, torch.tensor([has_mask]))
            assert relative_difference(split.decode(prepared, prompt)[0], model.decode(image, prompt)[0]) < 1e-10


def test_rows_of_zeros_in_place_of_an_absent_mask() -> None:
    """As WebGPU asks for them."""
    model = sam(2.0, torch.float64)
    split = factored(model)
    image = embedding(model, 9)
    with torch.inference_mode():
        prepared = split.prepare(image)
        for seed in range(8):
            prompt = random_prompt(model, seed)
            found = split.decode(prepared, prompt._replace(has_mask_input=torch.tensor([-1.0])))
            expected = model.decode(image, prompt._replace(has_mask_input=torch.zeros(1)))
            for ours, plain in zip(found, expected, strict=True):
                assert relative_difference(ours, plain) < 1e-10


def test_shapes_of_the_prepared_tensors() -> None:
    split = factored(sam(1.0, torch.float32))
    with torch.inference_mode():
        prepared = Prepared(*split.prepare({IMAGE_EMBEDDINGS: torch.zeros(1, 256, 16, 16)}))
    assert split.prepared_names == Prepared._fields
    assert prepared.key1.shape == (8, 16, 256)
    assert prepared.value3.shape == (8, 256, 16)
    assert prepared.upscaled01.shape == (64, 16, 16)
    assert prepared.mask_dot_base.shape == (2, 16, 256)
    assert prepared.constants.shape == (7, 256)


def test_an_update_of_the_tokens_is_the_weighted_sum_of_values() -> None:
    generator = torch.Generator().manual_seed(1)
    weights = softmax_over_tokens(torch.randn(8, 5, 30, generator=generator, dtype=torch.float64))
    values = torch.randn(8, 5, 16, generator=generator, dtype=torch.float64)
    out = torch.randn(8, 16, 64, generator=generator, dtype=torch.float64)
    expected = torch.einsum("hnm,hnd,hdc->cm", weights, values, out)
    for kept, capped, rank in ((4, 0, 8 * 4), (0, 16, 8 * 16)):
        update = TokenUpdate(values, torch.tensor(kept), torch.tensor(capped))
        columns, constant = update.columns(out)
        assert columns.shape == (rank, 64)
        torch.testing.assert_close(columns.T @ update.rows(weights) + constant.T, expected)


def test_squared_norm_of_what_is_never_written_down() -> None:
    generator = torch.Generator().manual_seed(2)
    base = torch.randn(64, 30, generator=generator, dtype=torch.float64)
    columns = torch.randn(7, 64, generator=generator, dtype=torch.float64)
    rows = torch.randn(7, 30, generator=generator, dtype=torch.float64)
    expected = (base + columns.T @ rows).square().sum(0, keepdim=True)
    norm, twice_dot, nothing = base.square().sum(0, keepdim=True), 2 * columns @ base, torch.zeros(7, 1)
    found = norm + squares(columns, rows, twice_dot, nothing.double(), torch.cat([rows, base[:1]]))
    torch.testing.assert_close(found, expected)
    left_out = torch.cat([rows, base])  # the products with the base are made there and then
    torch.testing.assert_close(norm + squares(columns, rows, 0 * twice_dot, 2 * columns, left_out), expected)


def test_splitting_again_takes_up_changed_weights() -> None:
    model = sam(1.0, torch.float64)
    image = embedding(model, 2)
    prompt = random_prompt(model, 8)
    with torch.inference_mode():
        before = model.split().decode(model.split().prepare(image), prompt)[0]
    with torch.no_grad():
        model.mask_decoder.transformer.final_attn_token_to_image.k_proj.weight.mul_(3)
    with torch.inference_mode():
        after = model.split().decode(model.split().prepare(image), prompt)[0]
        assert relative_difference(after, model.decode(image, prompt)[0]) < 1e-10
    assert relative_difference(before, after) > 1e-3


@pytest.mark.parametrize("points", [1, 5, 30])
def test_what_was_not_prepared_is_made_up_for(points: int) -> None:
    """The first click need not wait for all that makes the next ones fast."""
    model = sam(4.0, torch.float64)
    split = factored(model)
    image = embedding(model, 12)
    valid_size = torch.tensor([11, 16])
    _, _, mask, _ = random_prompt(model, points)
    labels = torch.tensor([[float(index % 2) for index in range(points)] + [-1.0]], dtype=torch.float64)
    coords = torch.rand(1, points + 1, 2, dtype=torch.float64) * model.config.image_size
    with torch.inference_mode():
        soon = split.prepare(image, valid_size, torch.tensor([0]))
        whole = split.prepare(image, valid_size, torch.tensor([1]))
        assert not Prepared(*soon).key2.any()
        for has_mask in (0.0, 1.0):
            prompt = DecoderPrompt(coords, labels, mask, torch.tensor([has_mask]))
            expected = split.decode(split.prepare(image, valid_size), prompt)
            for prepared in (soon, whole):
                for ours, others in zip(split.decode(prepared, prompt), expected, strict=True):
                    assert relative_difference(ours, others) < 1e-10
