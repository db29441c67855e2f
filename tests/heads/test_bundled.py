"""The detector that ships: small, for the Samlet that ships, used where a project has none, and it finds objects."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from limner.heads.detector import Detector
from limner.heads.files import load_detector
from limner.heads.finding import DetectedFinder
from limner.models.catalogue import sha256_of
from limner.models.detectors import (
    DetectorCard,
    InstalledDetector,
    choose_detector,
    installed_detectors,
    read_detector_card,
    usable_detectors,
)
from limner.models.registry import load_model
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner_onnx.detector import OnnxDetector

MOST_BYTES = 2_000_000
DISKS = [(90, 90, 45, (200, 40, 40)), (280, 80, 38, (40, 120, 200)), (180, 210, 55, (60, 160, 60))]


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(load_model("samlet", tmp_path))


@pytest.fixture
def bundled(tmp_path: Path) -> InstalledDetector:
    return choose_detector(tmp_path, 1, load_model("samlet", tmp_path).weights_sha256, None)


def disks() -> np.ndarray:
    image = np.full((300, 400, 3), 235, np.uint8)
    for x, y, radius, colour in DISKS:
        cv2.circle(image, (x, y), radius, colour, -1)
    return np.clip(image + np.random.default_rng(0).normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def test_it_is_small_whole_and_says_what_it_was_measured_at(bundled: InstalledDetector, tmp_path: Path) -> None:
    assert installed_detectors(tmp_path) == [bundled]
    assert (bundled.bundled, bundled.card.project_id, bundled.card.told_apart) == (True, None, False)
    assert sum(path.stat().st_size for path in bundled.folder.iterdir()) < MOST_BYTES
    assert sha256_of(bundled.graph) == bundled.card.graph_sha256
    assert {"ap", "ar100", "recall", "leave_one_source_out"} <= bundled.card.quality.keys()


def test_the_card_of_each_detector_is_read_once_where_one_is_chosen(
    bundled: InstalledDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def note(folder: Path) -> DetectorCard:
        read.append(folder)
        return read_detector_card(folder)

    monkeypatch.setattr("limner.models.detectors.read_detector_card", note)
    assert usable_detectors(tmp_path, 1, bundled.card.model_sha256) == [bundled]
    assert read == [bundled.folder]


def test_it_finds_objects_that_lie_apart(bundled: InstalledDetector, predictor: Predictor) -> None:
    finder = DetectedFinder(predictor, load_detector(bundled))
    found = finder.find(predictor.embed(disks()))[:10]
    for x, y, radius, _ in DISKS:
        disk = np.zeros((300, 400), np.uint8)
        cv2.circle(disk, (x, y), radius, 1, -1)
        masks = [rle.decode(each.mask) for each in found]
        best = max(np.count_nonzero(mask & (disk > 0)) / np.count_nonzero(mask | (disk > 0)) for mask in masks)
        assert best > 0.85


def test_its_graph_answers_as_torch_does(bundled: InstalledDetector, predictor: Predictor) -> None:
    detector: Detector = load_detector(bundled)
    features = predictor.embed(disks()).features
    expected = detector(features)
    answers = OnnxDetector(bundled.graph, threads=1)({name: each.numpy() for name, each in features.items()})
    assert np.abs(answers["objectness"] - expected.objectness.detach().numpy()).max() < 1e-3
