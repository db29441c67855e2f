"""The bench of detectors, with a model and photos of a few pixels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from limner.bench.detector import by_source, measure
from limner.errors import InvalidInput
from limner.models.registry import LoadedModel
from limner.sam.samlet import Samlet
from limner.segment.predictor import Predictor
from limner.train.photos import find_photos
from tests.tiny_samlet import TINY_SAMLET
from tests.train.helpers import write_photo


def test_a_source_is_learned_from_and_measured_on_what_is_held_out_of_it(tmp_path: Path) -> None:
    for shade in range(16):
        write_photo(tmp_path, f"p{shade}", shade=shade)
    photos = by_source(find_photos([tmp_path]))["squares"]
    held_out = [photo for photo in photos if photo.held_out]
    assert held_out, "one in ten, by the hash of their bytes"
    torch.manual_seed(0)
    predictor = Predictor(LoadedModel(Samlet(TINY_SAMLET).eval(), "tiny", "0" * 64))
    steps: list[None] = []
    measured = measure(predictor, "squares", photos, 2, 0, lambda: steps.append(None))
    assert (measured.learned, measured.steps, len(steps)) == (16 - len(held_out), 2, 2)
    assert measured.boxes.objects == measured.masks.objects == 2 * len(held_out)
    assert 0 <= measured.boxes.ap <= 1
    assert measured.train_seconds > 0
    assert measured.milliseconds > 0
    with pytest.raises(InvalidInput, match="no images with masks to learn from"):
        measure(predictor, "squares", held_out, 1, 0)
