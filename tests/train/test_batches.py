from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from limner.errors import InvalidFile
from limner.train.augment import letterboxed, paste_cut_out, random_view, resized
from limner.train.batches import BatchDataset, step_size
from limner.train.config import Photos, PromptMix, Scenes, Size
from limner.train.photos import label_layers
from limner.train.scenes import Scene
from limner.train.targets import choose_targets, shrunk
from limner.vocabulary import rle
from tests.train.helpers import tiny_config, two_squares, write_photo


def test_a_batch_depends_on_seed_rank_and_step_alone(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    first, again = (BatchDataset(config, rank=0, processes=2) for _ in range(2))
    again[0]
    for a, b in zip(first[2], again[2], strict=True):
        assert a == b == {} if isinstance(a, dict) else torch.equal(a, b)
    other_rank, other_step = BatchDataset(config, rank=1, processes=2)[2], first[3]
    assert not torch.equal(first[2].images, other_rank.images)
    assert not torch.equal(first[2].images, other_step.images)


def test_shapes_and_ranges(tmp_path: Path) -> None:
    batch = BatchDataset(tiny_config(tmp_path))[0]
    assert batch.images.shape == (2, 3, 64, 64)
    assert batch.labels.shape == (2, 3, 8, 8)
    assert batch.edges.shape == (2, 2, 16, 16)
    assert batch.masks.shape == (4, 3, 32, 32)
    assert (batch.masks.flatten(2).amax(2)[:, 0] == 1).all()
    assert ((batch.clicks >= 0) & (batch.clicks <= 64)).all()
    assert (batch.boxes[:, 2:] > batch.boxes[:, :2]).all()
    assert batch.complete.all()


def test_all_processes_use_the_same_size_in_a_step(tmp_path: Path) -> None:
    sizes = (Size(64, images=2, share=0.5), Size(96, images=1, share=0.5))
    config = dataclasses.replace(tiny_config(tmp_path, steps=20), sizes=sizes)
    drawn = [step_size(config, step).size for step in range(20)]
    assert set(drawn) == {64, 96}
    for rank in range(2):
        assert BatchDataset(config, rank, 2)[3].images.shape[-1] == drawn[3]


def test_a_scene_is_used_again_with_other_crops_and_prompts(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    sizes = (Size(64, images=6, share=1.0),)
    config = dataclasses.replace(config, sizes=sizes, scenes=Scenes(share=1.0, reuse=3))
    dataset = BatchDataset(config)
    asked: list[int] = []
    genuine = dataset.scenes

    class Counting:
        def scene(self, index: int, size: int) -> Scene:
            assert genuine is not None
            asked.append(index)
            return genuine.scene(index, size)

    dataset.scenes = Counting()  # type: ignore[assignment]
    batch = dataset[0]
    assert len(asked) == len(set(asked)) <= 4  # two, and more only after a crop without masks
    for a in range(6):
        for b in range(a):
            assert not torch.equal(batch.images[a], batch.images[b])
    assert torch.equal(batch.images, BatchDataset(config)[0].images)


def test_photos_come_with_incomplete_labels(tmp_path: Path) -> None:
    for shade in range(5):
        write_photo(tmp_path / "photos", f"p{shade}", shade=shade)
    photos = Photos(share=1.0, folders=(tmp_path / "photos",))
    config = dataclasses.replace(tiny_config(tmp_path), scenes=None, photos=photos)
    batch = BatchDataset(config)[0]
    assert not batch.complete.any()
    assert torch.equal(batch.images[0], BatchDataset(config)[0].images[0])


def test_a_view_keeps_image_and_labels_together() -> None:
    image, masks = two_squares()
    labels = label_layers(masks)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view, view_labels = random_view(rng, image, labels, 48)
        assert view.shape[:2] == view_labels.shape[1:]
        assert max(view.shape[:2]) <= 48
        inside = (view_labels[0] > 0) & (view_labels[1] == 0)
        outside = view_labels[0] == 0
        if inside.sum() > 50 and outside.sum() > 50:
            assert view[inside].mean() > view[outside].mean() + 20


def test_a_cut_out_brings_its_labels_and_leaves_the_donor_alone() -> None:
    donor, masks = two_squares()
    labels = label_layers(masks)
    ground, ground_labels = np.full((64, 64, 3), 20, np.uint8), np.zeros((3, 64, 64), np.uint8)
    ground_labels[0] = 5
    before = donor.copy(), ground.copy(), ground_labels.copy()
    image, pasted = paste_cut_out(np.random.default_rng(4), ground, ground_labels, donor, labels)
    for kept, array in zip(before, (donor, ground, ground_labels), strict=True):
        assert np.array_equal(kept, array)
    new = pasted[0] == 6
    assert new.any()
    assert (pasted[0][~new] == 5).all()
    assert image[new].mean() > 60
    assert (pasted[1] > 0).any()
    assert (new[pasted[1] > 0]).all()


def test_nothing_to_cut_out_changes_nothing() -> None:
    ground, labels = np.zeros((32, 32, 3), np.uint8), np.zeros((3, 32, 32), np.uint8)
    image, same = paste_cut_out(np.random.default_rng(0), ground, labels, ground, labels)
    assert image is ground
    assert same is labels


def test_letterboxing_cuts_one_side() -> None:
    image, labels = np.zeros((64, 64, 3), np.uint8), np.zeros((3, 64, 64), np.uint8)
    for seed in range(10):
        cut, cut_labels = letterboxed(np.random.default_rng(seed), image, labels)
        assert 64 in cut.shape[:2]
        assert min(cut.shape[:2]) >= 35
        assert cut.shape[:2] == cut_labels.shape[1:]


@pytest.mark.parametrize("scale", [0.4, 0.61, 0.8, 1.27])
def test_labels_stay_where_the_picture_has_them(scale: float) -> None:
    rng = np.random.default_rng(4)
    away = []
    for _ in range(40):
        mask = np.zeros((300, 400), np.uint8)
        cv2.circle(mask, (int(rng.integers(60, 340)), int(rng.integers(60, 240))), int(rng.integers(20, 50)), 1, -1)
        image = np.repeat(255 * mask[..., None], 3, axis=2)
        small, labels = resized(image, np.stack([mask, mask, mask]), scale, scale)
        rows, columns = np.nonzero(small[..., 0] > 127)
        label_rows, label_columns = np.nonzero(labels[0])
        away.append((label_rows.mean() - rows.mean(), label_columns.mean() - columns.mean()))
    assert np.abs(np.mean(away, axis=0)).max() < 0.05  # pixels


def test_masks_that_are_too_small_are_named_instead_of_looked_for_for_ever(tmp_path: Path) -> None:
    document = write_photo(tmp_path / "photos", "p")
    content = json.loads(document.read_text())
    dot = np.zeros((48, 64), bool)
    dot[5, 5] = True
    content["annotations"] = [{"segmentation": rle.encode(dot)}]
    document.write_text(json.dumps(content))
    config = dataclasses.replace(
        tiny_config(tmp_path / "run"), photos=Photos(share=1.0, folders=(tmp_path / "photos",), paste=0.0), scenes=None
    )
    with pytest.raises(InvalidFile, match="No mask is large enough"):
        BatchDataset(config)[0]


def test_only_layers_that_are_asked_for_are_chosen() -> None:
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[1, 10:40, 10:40] = 1
    wholes = PromptMix(per_image=2, layers=(1.0, 0.0, 0.0))
    assert choose_targets(np.random.default_rng(0), labels, wholes) == []
    labels[0, 5:60, 5:60] = 1
    chosen = choose_targets(np.random.default_rng(0), labels, wholes)
    assert [int(target.masks[0].sum()) for target in chosen] == [int(shrunk(labels[0] > 0, 2).sum())] * 2
