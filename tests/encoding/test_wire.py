"""The embedding's file: held to the safetensors library, exact, refused when it is damaged or of another model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from limner.encoding.wire import EmbeddingInfo, as_int8, pack, unpack
from limner.errors import InvalidFile, ModelError
from limner.vocabulary.geometry import Region
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

GOLDEN = Path(__file__).parents[1] / "golden"
INFO = EmbeddingInfo("a" * 64, "b" * 64, 1, image_height=480, image_width=640, image_size=1024)


def embedding(channels: int = 8) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 2, (1, channels, 6, 5)).astype(np.float32)


def one(values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {IMAGE_EMBEDDINGS: values}


def test_half_precision_is_exactly_half_precision() -> None:
    features, info = unpack(pack(one(embedding()), INFO))
    values = features[IMAGE_EMBEDDINGS]
    assert values.dtype == np.float32
    assert (values == embedding().astype(np.float16).astype(np.float32)).all()
    assert info == INFO


def test_int8_is_within_half_a_step_of_each_channel() -> None:
    features, info = unpack(pack(one(embedding()), INFO, "i8"))
    values = features[IMAGE_EMBEDDINGS]
    step = np.abs(embedding()).max(axis=(0, 2, 3), keepdims=True) / 127
    assert (np.abs(values - embedding()) <= step * 0.5001).all()
    assert info == INFO


def test_a_channel_of_zeros_survives_int8() -> None:
    source = embedding()
    source[:, 3] = 0
    assert (unpack(pack(one(source), INFO, "i8"))[0][IMAGE_EMBEDDINGS][:, 3] == 0).all()


def test_int8_from_the_stored_file() -> None:
    stored = pack(one(embedding(64)), INFO)
    small = as_int8(stored)
    assert len(small) < 0.7 * len(stored)
    assert unpack(small)[1] == INFO
    assert np.abs(unpack(small)[0][IMAGE_EMBEDDINGS] - embedding(64)).max() < 0.05


@pytest.mark.parametrize("dtype", ["f16", "i8"])
def test_the_library_reads_what_we_write(dtype: str, tmp_path: Path) -> None:
    data = pack(one(embedding()), INFO, dtype)  # type: ignore[arg-type]
    tensors = safetensors.numpy.load(data)
    assert tensors["image_embeddings"].shape == (1, 8, 6, 5)
    assert tensors["image_embeddings"].dtype == {"f16": np.float16, "i8": np.int8}[dtype]
    assert ("image_embeddings.scale" in tensors) == (dtype == "i8")
    (tmp_path / "embedding").write_bytes(data)
    with safetensors.safe_open(tmp_path / "embedding", "numpy") as file:
        assert file.metadata() == {
            "format": "limner-embedding-2",
            "image_sha256": "a" * 64,
            "model_sha256": "b" * 64,
            "preprocessing_version": "1",
            "image_height": "480",
            "image_width": "640",
            "image_size": "1024",
        }


def test_we_read_what_the_library_writes() -> None:
    metadata = {"format": "limner-embedding-2", "image_sha256": "a" * 64, "model_sha256": "b" * 64}
    metadata |= {"preprocessing_version": "1", "image_height": "480", "image_width": "640", "image_size": "1024"}
    data = safetensors.numpy.save({"image_embeddings": embedding()}, metadata)
    features, info = unpack(data)
    assert (features[IMAGE_EMBEDDINGS] == embedding()).all()
    assert info == INFO


def test_embeddings_of_the_first_format_are_still_read_and_made_smaller() -> None:
    """The golden files were written by the last version that wrote that format."""
    values = np.random.default_rng(11).normal(size=(1, 3, 4, 5)).astype(np.float32)
    info = replace(INFO, region=None)
    for file, region, tolerance in (("f16", None, 2e-3), ("i8", Region(32, 64, 128, 160), 0.02)):
        data = (GOLDEN / f"embedding_1_{file}.safetensors").read_bytes()
        assert b"limner-embedding-1" in data
        features, found = unpack(data)
        assert found == replace(info, region=region)
        np.testing.assert_allclose(features[IMAGE_EMBEDDINGS], values, atol=tolerance)
        smaller, kept = unpack(as_int8(data))
        assert kept == found
        np.testing.assert_allclose(smaller[IMAGE_EMBEDDINGS], values, atol=0.02)


def test_several_features_travel_under_their_names() -> None:
    features = {"coarse": embedding(5), "fine.detail": embedding(2)[..., :3]}
    for dtype, tolerance in (("f16", 1e-2), ("i8", 5e-2)):
        found, info = unpack(pack(features, INFO, dtype))  # type: ignore[arg-type]
        assert info == INFO
        assert list(found) == list(features)
        for name, values in features.items():
            np.testing.assert_allclose(found[name], values, atol=tolerance)


def test_the_bytes_are_always_the_same_and_tensors_lie_aligned() -> None:
    data = pack(one(embedding()), INFO)
    assert data == pack(one(embedding()), INFO)
    assert int.from_bytes(data[:8], "little") % 8 == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = embedding()
    broken[0, 0, 0, 0] = value
    with pytest.raises(ModelError, match="not finite"):
        pack(one(broken), INFO)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:7],
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data.replace(b"F16", b"F99"),
        lambda data: data.replace(b"image_sha256", b"image_sha255"),
        lambda data: data.replace(b"limner-embedding-2", b"limner-embedding-9"),
        lambda data: data.replace(b"[1,8,6,5]", b"[1,8,6,6]"),
        lambda data: data.replace(b"__metadata__", b"__metadatA__"),
    ],
)
def test_damaged_files_are_refused(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(InvalidFile, match="embedding"):
        unpack(damage(pack(one(embedding()), INFO)))


def test_a_region_is_named_and_a_whole_image_names_none() -> None:
    of_region = replace(INFO, region=Region(32, 64, 320, 416))
    assert unpack(pack(one(embedding()), of_region))[1] == of_region
    assert unpack(as_int8(pack(one(embedding()), of_region)))[1] == of_region
    assert b"region" in pack(one(embedding()), of_region)
    assert b"region" not in pack(one(embedding()), INFO)
