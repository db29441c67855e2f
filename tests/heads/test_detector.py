"""The network on features of several models: its boxes, its files, its graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.errors import InvalidInput, WrongWeights
from limner.heads.detector import LEVELS, Detections, Detector, DetectorConfig, all_middles, grid_of
from limner.heads.files import detector_from, save_detector
from limner.heads.proposing import proposals_of, propose
from limner.models.registry import model_config
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import FeatureSpec
from limner_onnx.detector import MAX_DIFFERENCE, OnnxDetector, export_detector
from limner_onnx.graphs import example_features
from tests.made_up import CONFIG as MADE_UP

SMALL = (16, 16, 16, 16)


def small(categories: int = 0, features: tuple[FeatureSpec, ...] = MADE_UP.features) -> Detector:
    torch.manual_seed(0)
    detector = Detector(DetectorConfig(32, features, categories, widths=SMALL, head=16)).eval()
    torch.nn.init.normal_(detector.answer.weight, std=0.5)  # so that cells differ
    return detector


@pytest.mark.parametrize("family", ["samlet", "sam_vit_b", "sam2_1_tiny"])
def test_it_reads_the_features_of_every_family(family: str) -> None:
    config = model_config(family)
    detector = Detector(DetectorConfig(config.image_size, config.features, 3)).eval()
    assert sum(each.numel() for each in detector.parameters()) < 1_500_000
    with torch.inference_mode():
        found = detector(example_features(config.features))
    cells = sum(rows * columns for rows, columns in (grid_of(detector.config, level) for level in range(LEVELS)))
    assert found.boxes.shape == (1, cells, 4)
    assert found.objectness.shape == (1, cells)
    assert found.categories.shape == (1, cells, 3)
    sides = found.boxes[..., 2:] - found.boxes[..., :2]
    assert (sides > 0).all()
    assert torch.isfinite(found.boxes).all()
    assert all_middles(detector.config).shape == (cells, 2)


@pytest.mark.parametrize("categories", [0, 3])
@pytest.mark.parametrize("features", [MADE_UP.features, (FeatureSpec("one", 8, 5, 7),)], ids=["two", "odd"])
def test_the_graph_answers_as_torch_does(tmp_path: Path, categories: int, features: tuple[FeatureSpec, ...]) -> None:
    detector = small(categories, features)
    assert export_detector(detector, tmp_path / "detector.onnx") <= MAX_DIFFERENCE
    graph = OnnxDetector(tmp_path / "detector.onnx", threads=1)
    given = example_features(features, seed=7)
    with torch.inference_mode():
        expected = detector(given)
    found = graph({name: values.numpy() for name, values in given.items()})
    assert list(found) == ["boxes", "objectness", "categories"][: 3 if categories else 2]
    for name, values in found.items():
        reference = getattr(expected, name).numpy()
        assert np.abs(values - reference).max() <= MAX_DIFFERENCE * np.abs(reference).max()


def test_weights_come_back_from_their_file_and_others_do_not_fit(tmp_path: Path) -> None:
    detector = small(2)
    save_detector(detector, tmp_path / "weights.safetensors")
    again = detector_from(tmp_path / "weights.safetensors", detector.config)
    for name, value in detector.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.half().float())
    with pytest.raises(WrongWeights, match="no weights of this detector"):
        detector_from(tmp_path / "weights.safetensors", small(3).config)
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    with pytest.raises(WrongWeights, match="no weights of this detector"):
        detector_from(tmp_path / "damaged.safetensors", detector.config)


def test_features_of_another_model_are_named() -> None:
    with pytest.raises(
        InvalidInput, match="reads the features coarse 4 × 4 × 4, fine 2 × 8 × 8, the embedding has one"
    ):
        propose(small(), example_features((FeatureSpec("one", 8, 5, 7),)), ImageGeometry(20, 30, 32))


def answers(*cells: tuple[int, tuple[float, float, float, float], float]) -> Detections:
    """Detections of ``small`` in which these cells answer (cell, box, objectness) and no other."""
    count = len(all_middles(small().config))
    boxes, objectness = torch.zeros(1, count, 4), torch.full((1, count), -20.0)
    for cell, box, score in cells:
        boxes[0, cell], objectness[0, cell] = torch.tensor(box), float(torch.logit(torch.tensor(score)))
    return Detections(boxes, objectness, torch.zeros(1, count, 0))


def test_boxes_are_in_image_pixels_inside_the_image_each_object_once_the_best_first() -> None:
    detector = small()  # 4 × 4 cells of 8 px
    found = proposals_of(
        answers(
            (0, (0, 0, 8, 8), 0.6),
            (1, (1, 0, 8, 8), 0.7),  # the same object, surer
            (5, (8, 4, 50, 14), 0.9),  # goes beyond the right edge
            (2, (16, 2, 16.2, 4), 0.9),  # has less than a pixel
            (15, (0, 0, 30, 30), 0.99),  # lies on the padding
        ),
        detector,
        ImageGeometry(32, 64, 32),  # twice as large as it is seen
    )
    assert [each.box for each in found] == [(16, 8, 64, 28), (2, 0, 16, 16)]
    assert [each.objectness for each in found] == pytest.approx([0.9, 0.7], abs=1e-6)
    assert [each.category for each in found] == [None, None]


def test_no_more_boxes_are_given_than_are_wanted() -> None:
    many = answers(*((cell, (8 * (cell % 4), 0, 8 * (cell % 4) + 4, 4), 0.5 + cell / 100) for cell in range(4)))
    geometry = ImageGeometry(32, 32, 32)
    assert len(proposals_of(many, small(), geometry)) == 4
    (best,) = proposals_of(many, small(), geometry, at_most=1)
    assert best.objectness == pytest.approx(0.53)
    assert len(proposals_of(many, small(), geometry, least=0.515)) == 2
