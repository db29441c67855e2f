"""What ``Predictor`` accepts and refuses; that its masks are right is shown by ``test_parity.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import limner
from limner.errors import InvalidImage, InvalidInput, InvalidPrompt, MissingWeights
from limner.models.registry import build_sam
from limner.sam.transforms import to_model_input
from limner.segment.predictor import Predictor
from limner.vocabulary.geometry import Region
from tests.sam.reference import SMALL_B, lively, picture


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(2)
    model = build_sam("sam_vit_b", SMALL_B)
    lively(model)
    predictor = Predictor(model)
    predictor.set_image(picture(60, 90))
    return predictor


def test_it_is_the_package_s_public_name() -> None:
    assert limner.Predictor is Predictor


def test_shapes_and_types(predictor: Predictor) -> None:
    masks, scores, logits = predictor.predict([[20, 30]], [1])
    assert (masks.shape, scores.shape, logits.shape) == ((3, 60, 90), (3,), (3, 64, 64))
    assert (masks.dtype, scores.dtype, logits.dtype) == (np.bool_, np.float32, np.float32)
    single, _, _ = predictor.predict(box=[10, 5, 40, 50], multimask_output=False, return_logits=True)
    assert single.shape == (1, 60, 90)
    assert single.dtype == np.float32


def test_logits_and_masks_agree(predictor: Predictor) -> None:
    masks, _, _ = predictor.predict([[20, 30]], [1])
    logits, _, _ = predictor.predict([[20, 30]], [1], return_logits=True)
    np.testing.assert_array_equal(masks, logits > 0)


def test_logits_feed_back_as_a_mask_prompt(predictor: Predictor) -> None:
    _, scores, logits = predictor.predict([[20, 30]], [1])
    best = logits[np.argmax(scores)][None]
    _, _, refined = predictor.predict([[20, 30]], [1], mask_input=best, multimask_output=False)
    _, _, alone = predictor.predict(mask_input=best, multimask_output=False)
    assert np.abs(refined - alone).max() > 0


def test_several_images_are_open_at_once(predictor: Predictor) -> None:
    first, second = predictor.embed(picture(60, 90)), predictor.embed(255 - picture(80, 50))
    before, _, _ = predictor.predict([[20, 30]], [1], image=first, return_logits=True)
    other, _, _ = predictor.predict([[20, 30]], [1], image=second, return_logits=True)
    after, _, _ = predictor.predict([[20, 30]], [1], image=first, return_logits=True)
    np.testing.assert_array_equal(before, after)
    assert other.shape == (3, 80, 50)


def test_bgr_is_rgb_turned_round() -> None:
    torch.manual_seed(2)
    predictor = Predictor(build_sam("sam_vit_b", SMALL_B))
    image = picture(40, 30)
    predictor.set_image(image[..., ::-1], image_format="BGR")
    bgr = predictor.predict([[5, 5]], [1])[2]
    predictor.set_image(image)
    np.testing.assert_array_equal(predictor.predict([[5, 5]], [1])[2], bgr)
    with pytest.raises(InvalidInput, match="'HSV' is unknown"):
        predictor.set_image(image, image_format="HSV")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing to segment by"),
        ({"point_coords": [[1, 2]]}, "go together"),
        ({"point_coords": [1, 2], "point_labels": [1]}, "shape"),
        ({"point_coords": [[1, 2]], "point_labels": [1, 0]}, "labels"),
        ({"point_coords": [[1, 2]], "point_labels": [2]}, "label 2 is unknown"),
        ({"point_coords": [[1, 2]], "point_labels": [0.5]}, "label 0.5 is unknown"),
        ({"point_coords": [[float("nan"), 2]], "point_labels": [1]}, "not finite"),
        ({"point_coords": [[91, 2]], "point_labels": [1]}, "outside the image"),
        ({"box": [10, 10, 10, 20]}, "no area"),
        ({"box": [10, 10, 20]}, "3 numbers"),
        ({"mask_input": np.zeros((1, 32, 32))}, "mask prompt has shape"),
    ],
)
def test_prompts_that_make_no_sense(predictor: Predictor, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPrompt, match=message):
        predictor.predict(**arguments)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
    ids=["grey", "alpha", "float"],
)
def test_images_that_are_none(predictor: Predictor, image: Any) -> None:
    with pytest.raises(InvalidImage, match="shape"):
        predictor.embed(image)


def test_no_image(tmp_path: Any) -> None:
    with pytest.raises(InvalidInput, match="no image to segment"):
        Predictor(build_sam("sam_vit_b", SMALL_B)).predict([[1, 1]], [1])
    with pytest.raises(MissingWeights, match="sam_vit_h are not installed"):
        Predictor("sam_vit_h", home=tmp_path)


def test_padding_is_zero_after_normalising(predictor: Predictor) -> None:
    pixels = to_model_input(np.zeros((64, 128, 3), np.uint8), predictor.model.config)
    assert pixels.shape == (3, 256, 256)
    assert torch.all(pixels[:, 128:] == 0)
    expected = -torch.tensor(predictor.model.config.pixel_mean) / torch.tensor(predictor.model.config.pixel_std)
    torch.testing.assert_close(pixels[:, 0, 0], expected)


def test_a_batch_is_many_single_prompts_at_once(predictor: Predictor) -> None:
    points, labels = [[[20, 30], [40, 10]], [[60, 5], [1, 1]]], [[1, 0], [1, 1]]
    masks, scores, logits = predictor.predict_batch(points, labels, return_logits=True)
    assert (masks.shape, scores.shape, logits.shape) == ((2, 3, 60, 90), (2, 3), (2, 3, 64, 64))
    for index in range(2):
        single = predictor.predict(points[index], labels[index], return_logits=True)
        for ours, one in zip((masks, scores, logits), single, strict=True):
            np.testing.assert_allclose(ours[index], one, rtol=1e-3, atol=1e-3)
    boxes, _, _ = predictor.predict_batch(boxes=[[10, 5, 40, 50]], multimask_output=False)
    np.testing.assert_array_equal(boxes[0], predictor.predict(box=[10, 5, 40, 50], multimask_output=False)[0])


def test_a_region_is_the_same_as_cutting_it_out_by_hand(predictor: Predictor) -> None:
    image = picture(90, 130)
    x, y, width, height = 40, 20, 70, 50
    cut = predictor.embed(np.ascontiguousarray(image[y : y + height, x : x + width]))
    seen = predictor.embed(image, (x, y, width, height))
    other = Predictor(predictor.model)
    other.set_image(image, region=Region(x, y, width, height))
    points, box = np.array([[60.0, 40.0], [45.0, 65.0]]), np.array([50.0, 25.0, 100.0, 60.0])
    masks, scores, low_res = predictor.predict(points, [1, 0], box, return_logits=True, image=seen)
    by_hand, their_scores, their_low_res = predictor.predict(
        points - (x, y), [1, 0], box - (x, y, x, y), return_logits=True, image=cut
    )
    np.testing.assert_array_equal(masks[:, y : y + height, x : x + width], by_hand)
    np.testing.assert_array_equal(scores, their_scores)
    np.testing.assert_array_equal(low_res, their_low_res)
    assert masks.shape == (3, 90, 130)
    outside = np.ones((90, 130), bool)
    outside[y : y + height, x : x + width] = False
    assert (masks[:, outside] < 0).all()
    np.testing.assert_array_equal(other.predict(points, [1, 0], box, return_logits=True)[0], masks)
    batch, _, _ = predictor.predict_batch(points[None], [[1, 0]], box[None], return_logits=True, image=seen)
    np.testing.assert_allclose(batch[0], masks, atol=1e-3)


@pytest.mark.parametrize("region", [(-1, 0, 20, 20), (0, 0, 131, 20), (0, 80, 20, 20), (5, 5, 0, 20)])
def test_a_region_outside_the_image_is_refused(predictor: Predictor, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidInput, match="does not lie in the image of 130 × 90"):
        predictor.embed(picture(90, 130), region)


def test_a_prompt_outside_the_region_is_refused(predictor: Predictor) -> None:
    seen = predictor.embed(picture(90, 130), (40, 20, 70, 50))
    with pytest.raises(InvalidPrompt, match=r"\(30, 40\) lies outside the region 40,20,70,50"):
        predictor.predict([[30, 40]], [1], image=seen)


@pytest.mark.parametrize("prompt", [{}, {"boxes": []}, {"boxes": [[1, 2, 3, 4]], "point_coords": [[[1, 2]]] * 2}])
def test_a_batch_needs_as_many_of_each(predictor: Predictor, prompt: Any) -> None:
    with pytest.raises(InvalidPrompt, match="numbers of prompts"):
        predictor.predict_batch(**prompt)


def test_files_and_pillow_images_are_turned_upright(predictor: Predictor, tmp_path: Path) -> None:
    upright = picture(60, 90)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by a quarter to the right
    lying = Image.fromarray(np.rot90(upright).copy())
    lying.save(tmp_path / "photo.png", exif=exif)
    other = Predictor(predictor.model)
    other.set_image(upright)
    expected = other.get_image_embedding()
    for image in (tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(upright)):
        other.set_image(image)
        torch.testing.assert_close(other.get_image_embedding(), expected)
    other.reset_image()
    with pytest.raises(InvalidInput, match="no image"):
        other.get_image_embedding()
    (tmp_path / "no.png").write_text("text")
    with pytest.raises(InvalidImage, match=r"no\.png cannot be read"):
        other.set_image(tmp_path / "no.png")
