"""Similar objects: on a picture of red and green disks, with a model whose embedding is the picture's colours."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from limner.bench.similar import Finding, figures, judged
from limner.errors import InvalidInput
from limner.models.catalogue import AutomaticThresholds
from limner.models.registry import LoadedModel
from limner.sam.model import DecoderPrompt, Features, ModelConfig, PromptableModel
from limner.segment.exemplars import Exemplar, exemplar
from limner.segment.predictor import Predictor
from limner.segment.similar import SimilarFinder, SimilarMask
from limner.vocabulary import rle
from limner.vocabulary.specs import IMAGE_EMBEDDINGS, FeatureSpec
from limner.vocabulary.suggested import mask_iou

SIDE, CELLS, RADIUS = 128, 32, 10
RED = [(20, 20), (70, 20), (20, 80)]  # centres, x and y
GREEN = [(70, 80), (105, 50)]
CONFIG = ModelConfig(family="samlet", image_size=SIDE, features=(FeatureSpec(IMAGE_EMBEDDINGS, 3, CELLS, CELLS),))


class ColourModel(PromptableModel):
    """The embedding is the picture in cells; a point's mask is the disk that it lies on, or half or twice it."""

    def __init__(self) -> None:
        super().__init__(CONFIG)
        self.gain = nn.Parameter(torch.ones(()))
        self.boxes = 0

    def encode(self, images: Tensor) -> Features:
        return {IMAGE_EMBEDDINGS: nn.functional.adaptive_avg_pool2d(images * self.gain, CELLS)}  # (B, 3, h, w)

    def decode(self, features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
        self.boxes += int((prompt.point_labels == 2).any())
        grid = self.config.low_res_size
        at = (torch.arange(grid) + 0.5) * SIDE / grid  # model pixels
        assert len(prompt.point_coords) == 1
        x, y = prompt.point_coords[0, 0].tolist()
        across, down = min(RED + GREEN, key=lambda centre: math.hypot(centre[0] - x, centre[1] - y))
        on_disk = math.hypot(across - x, down - y) < RADIUS
        distance = torch.hypot(at[None, :] - across, at[:, None] - down)
        radii = torch.tensor([1.0, 0.5, 1.0, 2.0]) * RADIUS * on_disk
        return (radii[:, None, None] - distance)[None], torch.full((1, 4), 0.9)  # (1, 4, grid, grid), (1, 4)


def picture(height: int = SIDE, width: int = SIDE) -> NDArray[np.uint8]:
    rgb = np.full((height, width, 3), 90, np.uint8)
    for centres, colour in ((RED, (220, 40, 40)), (GREEN, (40, 220, 40))):
        for centre in centres:
            rgb[disk(centre, height, width)] = colour
    return rgb


def disk(centre: tuple[int, int], height: int = SIDE, width: int = SIDE) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width] + 0.5
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) < RADIUS)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    easy = AutomaticThresholds(pred_iou_thresh=0.1, stability_score_thresh=0.1, stability_score_offset=0.5)
    return Predictor(LoadedModel(ColourModel(), "colours", "c" * 64, automatic=easy))


def example(predictor: Predictor, centre: tuple[int, int]) -> Exemplar:
    return exemplar(predictor.embed(picture()), rle.encode(disk(centre)))


def centres_of(found: list[SimilarMask]) -> set[tuple[int, int]]:
    """Of the disks that were found, each by a mask of its own."""
    centres = [
        next((c for c in RED + GREEN if mask_iou(each.mask, rle.encode(disk(c))) > 0.5), (0, 0)) for each in found
    ]
    assert len(set(centres)) == len(centres)
    return set(centres)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_disk_finds_those_of_its_colour_at_their_size(predictor: Predictor, threads: int) -> None:
    finder = SimilarFinder(predictor, [example(predictor, RED[0])], threads=threads)
    asked: list[tuple[int, int]] = []
    found = finder.find(predictor.embed(picture()), lambda done, total: asked.append((done, total)))
    assert centres_of([each for each in found if each.score > 0.5]) == set(RED)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < each.score <= 1 and 0 < each.stability <= 1 and each.example == 0 for each in found)
    assert [done for done, _ in asked] == list(range(1, asked[0][1] + 1))


def test_each_says_which_example_it_is_like_and_boxes_are_asked_for_too(predictor: Predictor) -> None:
    examples = [example(predictor, RED[0]), example(predictor, GREEN[0])]
    found = [each for each in SimilarFinder(predictor, examples).find(predictor.embed(picture())) if each.score > 0.5]
    assert centres_of(found) == {*RED, *GREEN}
    for each in found:
        (centre,) = centres_of([each])
        assert each.example == (centre in GREEN)
    assert isinstance(predictor.model, ColourModel)
    assert predictor.model.boxes > 0


def test_what_is_more_like_something_refused_is_left_out(predictor: Predictor) -> None:
    image = predictor.embed(picture())
    examples = [example(predictor, RED[0]), example(predictor, GREEN[0])]
    found = SimilarFinder(predictor, examples[:1], [examples[1]]).find(image)
    assert centres_of([each for each in found if each.score > 0.5]) == set(RED)
    assert SimilarFinder(predictor, examples[:1], examples[:1]).find(image) != []  # no more like it: the same
    twice = SimilarFinder(predictor, examples, [examples[1]]).find(image)
    assert centres_of([each for each in twice if each.score > 0.5]) == {*RED, *GREEN}


def test_an_example_of_one_picture_finds_objects_on_a_smaller_one_with_padding(predictor: Predictor) -> None:
    wide = predictor.embed(picture(height=64))
    found = SimilarFinder(predictor, [example(predictor, RED[2])]).find(wide)
    assert found
    for each in found:
        rle.validate(each.mask, (64, SIDE))
        assert 0 <= each.point[0] < SIDE
        assert 0 <= each.point[1] < 64
    best = {c for c in RED[:2] for each in found if mask_iou(each.mask, rle.encode(disk(c, 64))) > 0.5}
    assert best == set(RED[:2])


def test_a_mask_without_pixels_or_of_another_size_is_no_example(predictor: Predictor) -> None:
    image = predictor.embed(picture())
    for mask in (np.zeros((SIDE, SIDE), np.bool_), np.ones((SIDE, SIDE + 1), np.bool_)):
        with pytest.raises(InvalidInput, match="is no example"):
            exemplar(image, rle.encode(mask))


def test_the_bench_counts_each_object_once_and_finds_the_best_score() -> None:
    objects = [rle.encode(disk(centre)) for centre in RED]

    def mask(centre: tuple[int, int], score: float) -> SimilarMask:
        return SimilarMask(rle.encode(disk(centre)), score, 1.0, (0.0, 0.0), None, 0)

    answers = judged([mask(RED[0], 0.9), mask(RED[0], 0.8), mask(RED[1], 0.7), mask(GREEN[0], 0.2)], objects)
    assert answers == [(0.9, True), (0.8, False), (0.7, True), (0.2, False)]
    got = figures([Finding(answers, 3)])
    assert (got.objects, got.recall, got.best_score) == (3, pytest.approx(2 / 3), 0.7)
    assert got.average_precision == pytest.approx((1 + 2 / 3) / 3)
    assert (got.best_precision, got.best_recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert figures([]).average_precision == 0.0
