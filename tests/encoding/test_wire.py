"""The embedding's file: held to the safetensors library, exact, refused when it is damaged or of another model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from limner.encoding.wire import EmbeddingInfo, is_whole, pack, smaller, unpack
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
    small = smaller(stored, "i8")
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
        less, kept = unpack(smaller(data, "i8"))
        assert kept == found
        np.testing.assert_allclose(less[IMAGE_EMBEDDINGS], values, atol=0.02)


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
    assert unpack(smaller(pack(one(embedding()), of_region), "i8"))[1] == of_region
    assert b"region" in pack(one(embedding()), of_region)
    assert b"region" not in pack(one(embedding()), INFO)


def several() -> dict[str, NDArray[np.float32]]:
    """Features as SAM 2.1 has them, smaller: the first, the finest, one between."""
    rng = np.random.default_rng(3)
    shapes = {"image_embed": (1, 4, 16, 16), "high_res_feats_0": (1, 2, 64, 64), "high_res_feats_1": (1, 3, 32, 32)}
    return {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in shapes.items()}


def waves(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A feature that changes slowly from cell to cell, as features of photos do."""
    channels, rows, columns = np.indices(shape[1:])
    return (2 * np.sin(rows / 7 + channels) * np.cos(columns / 9)).astype(np.float32)[None]


def test_several_features_are_packed_within_half_a_step() -> None:
    smooth = {name: waves(values.shape) for name, values in several().items()}
    data = pack(smooth, INFO, "packed")
    assert b"limner-embedding-3" in data
    assert is_whole(data[:4096], len(data))
    found, info = unpack(data)
    assert info == INFO
    for (name, values), share in zip(smooth.items(), (1 / 40, 1 / 90, 1 / 40), strict=True):
        step = share * np.median(values.std((0, 2, 3)))
        assert found[name].dtype == np.float32
        assert np.abs(found[name] - values).max() <= 0.501 * step
    assert smaller(pack(smooth, INFO), "packed") == pack(unpack(pack(smooth, INFO))[0], INFO, "packed")


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_an_embedding_of_sam_2_1_is_less_than_three_megabytes(noise: float) -> None:
    sam2 = {"image_embed": (256, 64), "high_res_feats_0": (32, 256), "high_res_feats_1": (64, 128)}
    rng = np.random.default_rng(1)
    features = {
        name: noise * rng.normal(size=(1, channels, side, side)).astype(np.float32)
        for name, (channels, side) in sam2.items()
    }
    data = pack(features, INFO, "packed")
    assert len(data) < 3e6
    for name, values in unpack(data)[0].items():  # of noise nothing can be predicted: steps grow
        assert np.abs(values - features[name]).max() <= (0.03 if name == "high_res_feats_0" else 0.065) * noise


def test_one_channel_that_stands_out_costs_the_others_nothing() -> None:
    plain = {name: waves(values.shape) for name, values in several().items()}
    standing_out = {name: values.copy() for name, values in plain.items()}
    standing_out["image_embed"][0, 1] *= 100
    found, expected = (unpack(pack(each, INFO, "packed"))[0]["image_embed"] for each in (standing_out, plain))
    others = [0, 2, 3]
    lost = [np.abs(each - plain["image_embed"])[0, others].max() for each in (found, expected)]
    assert lost[0] < 2 * lost[1]
    assert np.abs(found - standing_out["image_embed"])[0, 1].max() < 2 * lost[1]


def test_a_lone_feature_is_packed_as_int8() -> None:
    lone = pack(one(embedding()), INFO, "packed")
    assert lone == pack(one(embedding()), INFO, "i8")


def test_features_of_nothing_are_nothing() -> None:
    nothing = {name: np.zeros_like(values) for name, values in several().items()}
    for values in unpack(pack(nothing, INFO, "packed"))[0].values():
        assert (values == 0).all()


def test_residuals_that_do_not_fit_are_refused() -> None:
    data = pack(several(), INFO, "packed")
    with pytest.raises(InvalidFile, match=r"image_embed\.step"):
        unpack(data.replace(b'"image_embed.step"', b'"image_embed.stop"'))
    tensors = safetensors.numpy.load(data)
    start = data.index(tensors["image_embed.residuals"].tobytes())
    with pytest.raises(InvalidFile, match="residuals are damaged"):
        unpack(data[: start + 60] + b"\xff" * 8 + data[start + 68 :])
    shape = tensors["high_res_feats_1.shape"]
    with pytest.raises(InvalidFile, match="residuals for 1536 values"):
        unpack(data.replace(shape.tobytes(), np.array([3, 32, 16], "<i4").tobytes()))


def test_the_golden_file_of_residuals_is_read() -> None:
    features, _ = unpack((GOLDEN / "embedding_3.safetensors").read_bytes())
    expected = json.loads((GOLDEN / "embedding_3.json").read_text())
    assert list(features) == list(expected)
    for name, values in features.items():
        assert list(values.shape[1:]) == expected[name]["shape"]
        np.testing.assert_array_equal(values.ravel(), np.array(expected[name]["values"], np.float32))
