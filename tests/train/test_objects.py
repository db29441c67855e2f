"""The thirteen objects: all there, and those on photos that come with scikit-image segmented by the shipped weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from limner.models.checkpoints import read_state
from limner.models.registry import model_from_state
from limner.train.evaluation import ModelSubject, Protocol, evaluate_mask
from limner.vocabulary import rle

OBJECTS = Path(__file__).parents[1] / "objects"
WEIGHTS = Path(__file__).parents[2] / "data" / "samlet.safetensors"


def drawn(name: str) -> dict[str, np.ndarray]:
    content = json.loads((OBJECTS / f"{name}.json").read_text())
    size = content["image"]["height"], content["image"]["width"]
    return {entry["label"]: rle.decode(rle.validate(entry["segmentation"], size)) for entry in content["annotations"]}


def test_there_are_thirteen_and_none_is_small() -> None:
    masks = [mask for path in OBJECTS.glob("*.json") for mask in drawn(path.stem).values()]
    assert len(masks) == 13
    assert all(0.01 < mask.mean() < 0.9 for mask in masks)


@pytest.fixture(scope="module")
def samlet() -> ModelSubject:
    torch.set_num_threads(1)
    return ModelSubject(model_from_state(read_state(WEIGHTS), WEIGHTS.name, "samlet"))


@pytest.mark.parametrize(
    ("photo", "picture", "label"), [("astronaut", "astronaut", "astronaut"), ("cat", "chelsea", "cat")]
)
def test_a_whole_being_is_usable_within_three_clicks(
    samlet: ModelSubject, photo: str, picture: str, label: str
) -> None:
    samlet.open(np.ascontiguousarray(getattr(skimage.data, picture)()))
    result = evaluate_mask(samlet, drawn(photo)[label], Protocol(clicks=(1, 3), box=True))
    assert result["3"] >= 0.8
    assert result["box"] >= 0.8
