"""Prompts: what the model is given, which mask is shown, and what is refused."""

from __future__ import annotations

import math

import pytest

from limner.errors import InvalidPrompt
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.vocabulary.specs import MaskSpec
from tests.conftest import golden


@pytest.mark.parametrize("case", golden("prompts")["cases"])
def test_golden_vectors(case: dict) -> None:
    prompts = Prompts(
        tuple(map(tuple, case["points"])),
        tuple(case["labels"]),
        tuple(case["box"]) if case["box"] else None,
        case["has_mask"],
    )
    coords, labels = prompts.model_inputs(ImageGeometry(case["height"], case["width"], case["image_size"]))
    assert coords[0].tolist() == case["point_coords"]
    assert labels[0].tolist() == case["point_labels"]
    assert choose_mask(case["iou_predictions"], prompts) == case["chosen"]
    always = case["always_padded"]
    geometry = ImageGeometry(case["height"], case["width"], case["image_size"], always["fit"])
    coords, labels = prompts.model_inputs(geometry, "always")
    assert (coords[0].tolist(), labels[0].tolist()) == (always["point_coords"], always["point_labels"])
    for other in case["chosen_of"]:
        masks = MaskSpec(other["count"], other["low_res_size"], other["unambiguous"], tuple(other["ambiguous"]))
        assert choose_mask(case["iou_predictions"][: masks.count], prompts, masks) == other["chosen"]


def test_masks_that_a_model_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="not all among 3"):
        MaskSpec(count=3)


def test_a_lone_point_is_padded_and_a_box_is_not() -> None:
    geometry = ImageGeometry(100, 100, 100)
    assert Prompts(((1, 2),), (1,)).model_inputs(geometry)[1].tolist() == [[1, -1]]
    assert Prompts(((1, 2),), (1,), (0, 0, 9, 9)).model_inputs(geometry)[1].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("points", "labels", "box", "word"),
    [
        (((math.nan, 1.0),), (1,), None, "finite"),
        (((math.inf, 1.0),), (1,), None, "finite"),
        (((1.0, 1.0),), (2,), None, "label 2"),
        (((1.0, 1.0),), (), None, "1 point came with 0 labels"),
        ((), (), (5.0, 5.0, 5.0, 9.0), "no area"),
        ((), (), (5.0, 9.0, 8.0, 6.0), "no area"),
        ((), (), (math.nan, 1.0, 2.0, 3.0), "no area"),
    ],
)
def test_nonsense_is_refused(points: tuple, labels: tuple, box: tuple | None, word: str) -> None:
    with pytest.raises(InvalidPrompt, match=word):
        Prompts(points, labels, box)


def test_a_prompt_outside_the_image_is_named() -> None:
    with pytest.raises(InvalidPrompt, match=r"\(641, 10\) lies outside.*640 pixels wide and 480 high"):
        Prompts(((641, 10),), (1,)).check_inside(480, 640)
    with pytest.raises(InvalidPrompt, match="outside"):
        Prompts(box=(0, 0, 640, 481)).check_inside(480, 640)
    Prompts(((640, 480),), (1,), (0, 0, 640, 480)).check_inside(480, 640)
