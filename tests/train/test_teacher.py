"""Learning from another model's masks, on seeded weights: the loop is right, can be stopped, and the loss falls."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from limner.cli import cli
from limner.errors import InvalidFile, InvalidInput
from limner.models.registry import build_model
from limner.sam.model import PromptableModel
from limner.sam.samlet import Samlet
from limner.segment.automatic import AutomaticMaskGenerator
from limner.train import loop
from limner.train.batches import Batch, BatchDataset
from limner.train.config import Photos
from limner.train.photos import find_photos
from limner.train.simulation import train_on_batch
from limner.train.state import new_samlet, read_checkpoint
from limner.train.teacher import SOURCE, label_photos
from tests.sam.reference import lively
from tests.train.helpers import tiny_config, two_squares


def write_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    image, _ = two_squares()
    for shade in range(count):
        cv2.imwrite(str(folder / f"{shade}.png"), np.roll(image, 5 * shade, axis=1))


@pytest.fixture(scope="module")
def teacher() -> PromptableModel:
    """A Samlet whose random weights answer something."""
    torch.set_num_threads(1)
    model = build_model("samlet", seed=4)
    lively(model)
    return model


def seen_by(teacher: PromptableModel, image: np.ndarray) -> list[np.ndarray]:
    """Whatever it answers to four clicks, however it rates that."""
    generator = AutomaticMaskGenerator(teacher, 2, pred_iou_thresh=-9.0, stability_score_thresh=0.0)
    masks = [mask["segmentation"] for mask in generator.generate(image)]
    return [np.asarray(mask) for mask in masks]


def test_the_teachers_masks_become_a_source_of_photos(teacher: PromptableModel, tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 2)
    count = label_photos(lambda image: seen_by(teacher, image), tmp_path / "photos", tmp_path / "taught")
    photos = find_photos([tmp_path / "taught"])
    assert [photo.source for photo in photos] == [SOURCE, SOURCE]
    assert sum(len(photo.segmentations) for photo in photos) == count > 0
    for photo in photos:
        expected = seen_by(teacher, photo.image())
        assert all(np.array_equal(found, mask) for found, mask in zip(photo.masks(), expected, strict=True))


def test_labelling_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 4)
    _, masks = two_squares()
    asked = []

    def stopped(image: np.ndarray) -> list[np.ndarray]:
        asked.append(image)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return masks

    with pytest.raises(KeyboardInterrupt):
        label_photos(stopped, tmp_path / "photos", tmp_path / "taught")
    assert label_photos(stopped, tmp_path / "photos", tmp_path / "taught") == 8
    assert len(asked) == 5
    assert not list((tmp_path / "taught").glob("*.partial*"))


def loss_to(teacher_batches: list[Batch], student: Samlet) -> float:
    """Mean loss of single clicks; the same ones whoever is asked."""
    student.train()
    metrics = [
        train_on_batch(student, None, batch, np.random.default_rng(number), "short")
        for number, batch in enumerate(teacher_batches)
    ]
    return float(np.mean([found["loss_click"] for found in metrics if "loss_click" in found]))


def test_the_student_comes_to_answer_as_the_teacher(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 3)
    label_photos(lambda image: [image[..., 0] > 120], tmp_path / "photos", tmp_path / "taught")
    config = tiny_config(tmp_path / "run", steps=25)
    config = dataclasses.replace(
        config,
        schedule=dataclasses.replace(config.schedule, log_every=10, learning_rate=5e-3),
        photos=Photos(share=1.0, folders=(tmp_path / "taught",), paste=0.0),
        scenes=None,
    )
    dataset = BatchDataset(dataclasses.replace(config, run=dataclasses.replace(config.run, seed=99)))
    batches = [dataset[step] for step in range(4)]
    student, _ = new_samlet(config, torch.device("cpu"))
    before = loss_to(batches, student)
    loop.train(config)
    student.load_state_dict(read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["model"])
    assert loss_to(batches, student) < 0.95 * before


def test_a_teacher_that_sees_nothing_and_a_folder_without_photos_are_named(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 1)
    with pytest.raises(InvalidFile, match="found no mask"):
        label_photos(lambda image: [], tmp_path / "photos", tmp_path / "taught")
    with pytest.raises(InvalidFile, match="holds no photos"):
        label_photos(lambda image: [], tmp_path / "taught" / "none", tmp_path / "taught")


def test_a_teacher_without_photos_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"""
[run]
output = "{tmp_path}/run"
[schedule]
steps = 1
[scenes]
share = 1
[[sizes]]
size = 64
images = 1
share = 1
""")
    with pytest.raises(InvalidInput, match="needs photos"):
        CliRunner().invoke(cli, ["train", "--config", str(recipe), "--teacher", "samlet"], catch_exceptions=False)
