from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from limner.train.near_copies import held_out_without_copies, nearest_correlations
from limner.train.photos import Photo, find_photos
from limner.vocabulary import rle


def picture(seed: int) -> np.ndarray:
    """Coloured blobs of their own."""
    random = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(random, (64, 48), interpolation=cv2.INTER_CUBIC)


def write(folder: Path, name: str, image: np.ndarray, held_out: bool) -> Photo:
    """The hash of a photo, which says whether it is held out, may be given."""
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.png"), image)
    mask = np.zeros((48, 64), bool)
    mask[10:30, 10:30] = True
    digest = ("00000000" if held_out else "00000001") + "0" * 56
    content = {
        "image": {"file_name": f"{name}.png", "height": 48, "width": 64, "sha256": digest},
        "annotations": [{"segmentation": rle.encode(mask)}],
    }
    (folder / f"{name}.json").write_text(json.dumps(content))
    return next(photo for photo in find_photos([folder]) if photo.image_path.stem == name)


def test_held_out_photos_of_a_series_that_was_trained_on_are_left_aside(tmp_path: Path) -> None:
    for seed in range(4):
        write(tmp_path, f"trained{seed}", picture(seed), held_out=False)
    moment_later = np.clip(np.roll(picture(2), 1, axis=1).astype(int) + 25, 0, 255).astype(np.uint8)
    write(tmp_path, "copy", moment_later, held_out=True)
    write(tmp_path, "other", picture(9), held_out=True)
    found = held_out_without_copies(find_photos([tmp_path]))
    assert [photo.image_path.stem for photo in found] == ["other"]


def test_copies_of_each_other_may_all_be_held_out(tmp_path: Path) -> None:
    write(tmp_path, "trained", picture(1), held_out=False)
    for name in ("a", "b"):
        write(tmp_path, name, picture(5), held_out=True)
    assert len(held_out_without_copies(find_photos([tmp_path]))) == 2


def test_a_photo_correlates_with_itself_and_not_with_a_plain_one(tmp_path: Path) -> None:
    photo = write(tmp_path / "a", "photo", picture(1), held_out=False)
    plain = write(tmp_path / "b", "plain", np.full((48, 64, 3), 80, np.uint8), held_out=False)
    assert nearest_correlations([photo], [photo])[0] > 0.999
    assert nearest_correlations([photo], [plain])[0] == 0
