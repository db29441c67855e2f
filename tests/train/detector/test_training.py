"""A detector that learns squares: well, the same each time, and also in two goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from limner.errors import InvalidFile, InvalidInput
from limner.heads.detector import Detector
from limner.heads.proposing import propose
from limner.train.detector.examples import UNKNOWN, FeatureReader, split, statistics
from limner.train.detector.measuring import measure_boxes
from limner.train.detector.training import Plan, Step, train_detector, usual_steps
from tests.train.detector.squares import CONFIG, Squares


def same(a: Detector, b: Detector) -> bool:
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_it_finds_squares_that_it_has_not_seen_and_tells_their_kinds() -> None:
    known, new = Squares(24), Squares(8, held_out=True)
    steps: list[Step] = []
    detector, seconds = train_detector(CONFIG, known.examples, known.read, Plan(150), on_step=steps.append)
    assert [step.done for step in steps] == list(range(1, 151))
    assert seconds == steps[-1].seconds
    assert steps[-1].loss < steps[0].loss / 3
    figures = measure_boxes(detector, new.examples, new.read)
    assert (figures.objects, figures.images) == (16, 8)
    assert figures.ap50 > 0.9
    assert figures.recall > 0.9
    right = 0
    for example in new.examples:
        features = {name: torch.from_numpy(values) for name, values in new.read(example.sha256).items()}
        best = sorted(propose(detector, features, example.geometry)[:2], key=lambda each: each.box[0])
        assert all(each.box[3] <= 64 for each in best)  # inside the image
        right += sum(each.category == kind for each, kind in zip(best, example.categories, strict=True))
    assert right >= 15


def test_the_seed_decides_and_a_run_in_two_goes_is_the_same(tmp_path: Path) -> None:
    data = Squares(6)
    whole, _ = train_detector(CONFIG, data.examples, data.read, Plan(8))
    again, _ = train_detector(CONFIG, data.examples, data.read, Plan(8))
    other, _ = train_detector(CONFIG, data.examples, data.read, Plan(8, seed=1))
    assert same(whole, again)
    assert not same(whole, other)
    checkpoint = tmp_path / "checkpoint.pt"

    def stop(step: Step) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_detector(CONFIG, data.examples, data.read, Plan(8), checkpoint=checkpoint, on_step=stop)
    done: list[int] = []
    resumed, _ = train_detector(
        CONFIG,
        data.examples,
        data.read,
        Plan(8),
        checkpoint=checkpoint,
        resume=True,
        on_step=lambda step: done.append(step.done),
    )
    assert done == [4, 5, 6, 7, 8]
    assert same(whole, resumed)
    for examples, plan, what in (
        (data.examples[:5], Plan(8), "its data is different"),
        (data.examples, Plan(9), "its plan is different"),
    ):
        with pytest.raises(InvalidFile, match=what):
            train_detector(CONFIG, examples, data.read, plan, checkpoint=checkpoint, resume=True)


def test_what_cannot_be_resumed_is_named(tmp_path: Path) -> None:
    data = Squares(2)
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(b"no checkpoint")
    strange = tmp_path / "strange.pt"
    torch.save({"format": "another"}, strange)
    coded = tmp_path / "coded.pt"
    torch.save({"format": damaged}, coded)  # a path is more than tensors, which PyTorch would have somebody run
    for path, message in (
        (tmp_path / "none.pt", "There is no checkpoint"),
        (damaged, "is no checkpoint: it is neither safetensors nor a file that PyTorch saved"),
        (coded, "is no checkpoint: it is damaged, or holds more than tensors"),
        (strange, "is no checkpoint of a detector"),
    ):
        with pytest.raises(InvalidFile, match=message):
            train_detector(CONFIG, data.examples, data.read, Plan(1), checkpoint=path, resume=True)


def test_embeddings_by_another_model_are_named() -> None:
    data = Squares(2)
    features = dataclasses.replace(CONFIG.features[0], channels=7)
    config = dataclasses.replace(CONFIG, features=(features,))
    with pytest.raises(InvalidInput, match=r"is of another model: it has image_embeddings \(1, 4, 16, 16\)"):
        train_detector(config, data.examples, data.read, Plan(1))


def test_objects_without_a_category_teach_boxes_alone() -> None:
    data = Squares(4)
    nameless = [dataclasses.replace(each, categories=(UNKNOWN, UNKNOWN)) for each in data.examples]
    steps: list[Step] = []
    train_detector(CONFIG, nameless, data.read, Plan(2), on_step=steps.append)
    assert all(0 < step.loss < float("inf") for step in steps)


def test_held_out_images_are_not_learned_from() -> None:
    known, new = Squares(3), Squares(2, held_out=True)
    assert split([*new.examples, *known.examples]) == (known.examples, new.examples)
    with pytest.raises(InvalidInput, match=r"no images with masks to learn from \(2 are held out\)"):
        split(new.examples)


def test_more_images_are_learned_from_for_longer() -> None:
    assert usual_steps(1) < usual_steps(150) < usual_steps(200) == usual_steps(10_000)


def test_features_are_normalised_by_all_kinds_of_images_not_by_the_first_ones() -> None:
    squares = Squares(6)
    dark, bright = squares.examples[:3], squares.examples[3:]

    def read(sha256: str) -> Mapping[str, NDArray[np.float32]]:
        lift = 10.0 if any(each.sha256 == sha256 for each in bright) else 0.0
        return {name: values + np.float32(lift) for name, values in squares.read(sha256).items()}

    mean, _ = statistics(FeatureReader(read, CONFIG), [*dark, *bright], at_most=2)
    assert torch.all((mean - 5).abs() < 1)
