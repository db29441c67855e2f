"""Pack, train, resume, take home: the recipe for a rented GPU, on the CPU with a tiny network."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from limner.errors import InvalidFile
from limner.sam.samlet import Samlet
from limner.train import gpu, loop
from limner.train.pack import pack_photos, unpack_photos
from limner.train.photos import find_photos
from limner.train.state import read_checkpoint
from tests.tiny_samlet import TINY_SAMLET
from tests.train.helpers import two_squares, write_photo

RECIPE = """
[run]
output = "{folder}/run"
device = "{device}"
workers = 0
[schedule]
steps = {steps}
warmup = 1
log_every = 1
validate_every = 2
[[sizes]]
size = 64
images = 2
share = 1
[prompts]
per_image = 2
[scenes]
share = 0.5
reuse = 2
[photos]
share = 0.5
folders = []
[model]
image_size = 64
backbone = "convolutions"
encoder_widths = [8, 8, 16, 16, 16]
encoder_depths = [1, 1, 1, 1]
embed_dim = 16
decoder_channels = 16
upscale_channels = [8, 8, 4]
"""


def write_recipe(folder: Path, steps: int, device: str = "cpu") -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(folder=folder, steps=steps, device=device))
    return recipe


def write_photos(folder: Path, count: int) -> Path:
    """Photos of which none looks like another: near-copies would be left aside in validation."""
    for number in range(count):
        photo = write_photo(folder, f"p{number}", source="squares" if number % 2 else "others")
        pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        cv2.imwrite(str(photo.with_suffix(".png")), pixels)
    return folder


def test_a_pack_keeps_sources_masks_and_what_is_held_out(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 30)
    assert pack_photos([photos], tmp_path / "out" / "pack.zip", side=32) == 30
    unpack_photos(tmp_path / "out" / "pack.zip", tmp_path / "unpacked")
    before, after = find_photos([photos]), find_photos([tmp_path / "unpacked"])
    assert [photo.held_out for photo in after] == [photo.held_out for photo in before]
    assert 0 < sum(photo.held_out for photo in after) < 30
    assert [photo.source for photo in after] == [photo.source for photo in before]
    for packed in after:
        assert packed.size == (24, 32)
        assert packed.image().shape == (24, 32, 3)
        for small, large in zip(packed.masks(), two_squares()[1], strict=True):
            assert np.array_equal(small, large[::2, ::2])


def test_packing_again_gives_the_same_bytes_and_keeps_the_first_hash(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 12)
    for name in ("a", "b"):
        pack_photos([photos], tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    unpack_photos(tmp_path / "a.zip", tmp_path / "unpacked")
    pack_photos([tmp_path / "unpacked"], tmp_path / "c.zip", side=32)
    unpack_photos(tmp_path / "c.zip", tmp_path / "twice")
    held_out = [[photo.held_out for photo in find_photos([folder])] for folder in (photos, tmp_path / "twice")]
    assert held_out[0] == held_out[1]


def test_a_pack_must_be_small(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    document = write_photo(folder, "noise")
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    assert document.is_file()
    with pytest.raises(InvalidFile, match="do not fit"):
        pack_photos([folder], tmp_path / "pack.zip", megabytes=0.001)
    assert not (tmp_path / "pack.zip").exists()
    with pytest.raises(InvalidFile, match="No folder"):
        pack_photos([], tmp_path / "pack.zip")


def test_what_is_no_pack_is_named(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"PK and so on")
    with pytest.raises(InvalidFile, match="no pack"):
        unpack_photos(tmp_path / "pack.zip", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_pack_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("../../evil.json", "{}")
    unpack_photos(tmp_path / "pack.zip", tmp_path / "a" / "folder")
    assert (tmp_path / "a" / "folder" / "evil.json").is_file()
    assert not list(tmp_path.glob("*.json"))


def test_it_trains_resumes_and_leaves_what_to_bring_home(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    pack_photos([write_photos(tmp_path / "photos", 30)], pack)
    for steps in (2, 4):
        summary = gpu.train_packed(write_recipe(tmp_path, steps), pack, tmp_path / "home")
        assert summary["steps"] == summary["of"] == steps
        assert read_checkpoint(tmp_path / "run" / loop.CHECKPOINT)["step"] == steps
    weights = load_file(tmp_path / "home" / loop.WEIGHTS)
    assert {value.dtype for value in weights.values()} == {torch.float16}
    Samlet(TINY_SAMLET).load_state_dict({name: value.float() for name, value in weights.items()}, strict=True)
    lines = [json.loads(line) for line in (tmp_path / "home" / loop.LOG).read_text().splitlines()]
    trained = [line for line in lines if "images_per_second" in line]
    assert [line["step"] for line in trained] == [1, 2, 3, 4]
    assert all(0 <= line["waiting_for_data"] <= 1 for line in trained)
    validated = [line for line in lines if "miou" in line]
    assert [line["step"] for line in validated] == [2, 4]
    assert set(validated[-1]["miou_scenes"]) == {"1", "3", "5", "box"}
    assert json.loads((tmp_path / "home" / gpu.SUMMARY).read_text()) == summary
    assert summary["miou"] == validated[-1]["miou"]
    assert len(list((tmp_path / "run").glob("photos-*"))) == 1


def test_without_cuda_it_says_so(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    pack_photos([write_photos(tmp_path / "photos", 3)], tmp_path / "pack.zip")
    with pytest.raises(InvalidFile, match="asks for CUDA"):
        gpu.train_packed(write_recipe(tmp_path, 2, device="cuda"), tmp_path / "pack.zip", tmp_path / "home")
    assert not (tmp_path / "run").exists()


def test_a_missing_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no pack"):
        gpu.train_packed(write_recipe(tmp_path, 2), tmp_path / "pack.zip", tmp_path / "home")


def test_a_hash_that_is_none_moves_no_photo_into_the_training(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 30)
    for document in photos.glob("*.json"):
        content = json.loads(document.read_text())
        content["image"]["sha256"] = "AB" * 32
        document.write_text(json.dumps(content))
    pack_photos([photos], tmp_path / "pack.zip", side=32)
    unpack_photos(tmp_path / "pack.zip", tmp_path / "unpacked")
    before, after = ([photo.held_out for photo in find_photos([folder])] for folder in (photos, tmp_path / "unpacked"))
    assert before == after
    assert any(before)
