from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limner.errors import InvalidFile
from limner.train.photos import PhotoPool, find_photos, is_held_out, label_layers
from tests.train.helpers import two_squares, write_photo


def edit(document: Path, **changes: Any) -> None:
    document.write_text(json.dumps(json.loads(document.read_text()) | changes))


def test_reads_photos_and_masks(tmp_path: Path) -> None:
    write_photo(tmp_path, "a")
    (photo,) = find_photos([tmp_path])
    image, masks = two_squares()
    assert photo.source == "squares"
    assert np.array_equal(photo.image(), image)
    for read, drawn in zip(photo.masks(), masks, strict=True):
        assert np.array_equal(read, drawn)


def test_nested_masks_go_to_different_layers() -> None:
    _, (outer, inner) = two_squares()
    layers = label_layers([inner, outer])
    assert np.array_equal(layers[0] == 1, outer)
    assert np.array_equal(layers[1] == 1, inner)
    assert not layers[2].any()


def test_a_tenth_is_held_out_whatever_the_folder(tmp_path: Path) -> None:
    for shade in range(60):
        write_photo(tmp_path / ("one" if shade % 2 else "two"), f"p{shade}", shade=shade)
    photos = find_photos([tmp_path / "one", tmp_path / "two"])
    held_out = [photo for photo in photos if photo.held_out]
    assert 1 <= len(held_out) <= 15
    for photo in photos:
        assert photo.held_out == is_held_out(hashlib.sha256(photo.image_path.read_bytes()).hexdigest())
    pool = PhotoPool(photos, balance=1.0)
    forbidden = {photo.image().tobytes() for photo in held_out}
    rng = np.random.default_rng(0)
    assert all(pool.draw(rng)[0].tobytes() not in forbidden for _ in range(100))


def test_sources_are_drawn_by_their_size_and_weight(tmp_path: Path) -> None:
    shades = [shade for shade in range(60) if not _held_out(tmp_path / "tried", shade)][:20]
    for number, shade in enumerate(shades):
        write_photo(tmp_path / "photos", f"p{number}", shade=shade, source="few" if number < 4 else "many")
    photos = find_photos([tmp_path / "photos"])
    rng = np.random.default_rng(0)
    pool = PhotoPool(photos, balance=0.5, weights={"few": 3.0})  # 3 · √4 to √16
    drawn = [pool.pick(rng).source for _ in range(2000)]
    assert 0.56 < drawn.count("few") / 2000 < 0.64
    assert {photo.source for photo in PhotoPool(photos, 0.5, leave_out=("few",)).photos()} == {"many"}
    with pytest.raises(InvalidFile, match="ever be drawn"):
        PhotoPool(photos, 0.5, weights={"few": 0.0, "many": 0.0})


def test_labels_are_the_same_when_they_come_from_memory(tmp_path: Path) -> None:
    write_photo(tmp_path, "a", shade=next(s for s in range(9) if not _held_out(tmp_path, s)))
    pool = PhotoPool(find_photos([tmp_path]), balance=0.6)
    rng = np.random.default_rng(0)
    assert np.array_equal(pool.draw(rng)[1], pool.draw(rng)[1])


def _held_out(folder: Path, shade: int) -> bool:
    write_photo(folder, "a", shade=shade)
    return find_photos([folder])[0].held_out


def test_an_empty_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=f"{tmp_path} holds no photos"):
        find_photos([tmp_path])


def test_a_mask_larger_than_its_image_is_named(tmp_path: Path) -> None:
    document = write_photo(tmp_path, "a")
    edit(document, image={"file_name": "a.png", "height": 40, "width": 64})
    with pytest.raises(InvalidFile, match=r"a\.json.*height 48"):
        find_photos([tmp_path])


def test_a_photo_of_another_size_is_named(tmp_path: Path) -> None:
    document = write_photo(tmp_path, "a")
    edit(document, image={"file_name": "a.png", "height": 10, "width": 10}, annotations=[])
    with pytest.raises(InvalidFile, match="64 pixels wide and 48 high"):
        find_photos([tmp_path])[0].image()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"image": {}}', '{"image": {"height": 4, "width": "x"}, "annotations": []}']
)
def test_a_json_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    write_photo(tmp_path, "a").write_text(text)
    with pytest.raises(InvalidFile, match=r"a\.json is not in the form of SA-1B"):
        find_photos([tmp_path])


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    write_photo(tmp_path, "a")
    (tmp_path / "a.png").unlink()
    with pytest.raises(InvalidFile, match="no photo beside"):
        find_photos([tmp_path])
