"""Embeddings as they are stored and sent: a safetensors file of the encoder's features, with metadata that names the
image, the model and the preprocessing. The page reads the same bytes that lie in the blob store.

Each feature is a tensor by its name in the manifest: F16 (1, C, h, w), or I8 with one F32 scale for each channel in
``<name>.scale``. (Format 1, still read, knew ``image_embeddings`` only and called its scale ``scale``.)

Format 3 is written for models of several features, whose files are large, and where it is asked for (``packed``): a
feature is then ``<name>.residuals``, ``.predicted``, ``.step`` and ``.shape``, and ``.large`` where there are any
(:mod:`limner.encoding.residuals`).

The layout is that of https://github.com/huggingface/safetensors: eight bytes with the length of the header, the header
as JSON padded to eight bytes, the tensors. It is written here because the library orders the metadata anew in each
process, and the bytes of an embedding should not depend on that; it is read here because the library gives the metadata
of files on disk only.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from limner.encoding.residuals import Coded, decode, encode
from limner.errors import InvalidFile, ModelError
from limner.vocabulary.geometry import Region
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

Dtype = Literal["f16", "i8", "packed"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

FORMAT = "limner-embedding-2"
PACKED_FORMAT = "limner-embedding-3"
ONE_TENSOR_FORMAT = "limner-embedding-1"
MEDIA_TYPE = "application/octet-stream"
HEADER_LIMIT = 1 << 16  # bytes; ours are a few hundred
HEAD_BYTES = 4096  # within which our headers end
ALIGNMENT = 8  # bytes

Tensors = dict[str, NDArray[Any]]
Arrays = Mapping[str, NDArray[np.float32]]

_SCALE = ".scale"
_PARTS = _RESIDUALS, _LARGE, _PREDICTED, _STEP, _SHAPE = (".residuals", ".large", ".predicted", ".step", ".shape")

# Steps as shares of what the channels of a feature usually vary by, measured on SAM 2.1 by `limner bench wire`: the
# finest feature is added last, and whatever is lost of it is lost on the mask's outline.
_FINEST, _OTHERS = 1 / 90, 1 / 40
_AT_MOST = 5.7  # bits per value, all features together: 3 MB of SAM 2.1. Where more are needed, steps grow.
_TO_SPARE = 0.02  # bits: steps grow a little further, so that once is enough

_NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "I32": np.dtype("<i4"),
}
_SAFETENSORS_TYPES = {dtype: name for name, dtype in _NUMPY_TYPES.items()}


@dataclass(frozen=True)
class EmbeddingInfo:
    """What an embedding is of.

    Attributes:
        image_sha256: of the image's file.
        model_sha256: of the weights that encoded it.
        preprocessing_version: how pixels became the encoder's input.
        image_height: of the oriented image, in pixels.
        image_width: of the oriented image, in pixels.
        image_size: S, the side of the model's input in pixels.
        region: the part of the image that was encoded on its own; None for the whole.
    """

    image_sha256: str
    model_sha256: str
    preprocessing_version: int
    image_height: int
    image_width: int
    image_size: int
    region: Region | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """As the file says it: a region only where there is one."""
        return {field.name: str(value) for field in fields(self) if (value := getattr(self, field.name)) is not None}


def pack(features: Arrays, info: EmbeddingInfo, dtype: Dtype = "f16") -> bytes:
    """Features (1, C, h, w) by name -> file.

    ``i8`` is symmetric per channel: value ≈ integer × scale, the largest magnitude of the channel at 127. ``packed`` is
    5.7 bits a value at most, where there are several features; else it is ``i8``.

    Raises:
        ModelError: when values are not finite or do not fit into 16 bits; such an embedding segments nothing.
    """
    tensors: Tensors = {}
    packed = dtype == "packed" and len(features) > 1
    for name, values in features.items():
        with np.errstate(over="ignore"):
            half = values.astype("<f2")
        if not np.isfinite(half).all():
            raise ModelError(
                f"The embedding of image {info.image_sha256[:12]}… has values that are not finite in 16 bits.",
                hint="The weights may be damaged.",
            )
        if dtype == "f16":
            tensors[name] = half
        elif not packed:
            largest = np.abs(values).max(axis=(0, 2, 3))  # (C,)
            scale = np.where(largest > 0, largest / 127, 1).astype("<f4")
            tensors[name] = np.rint(values / scale[None, :, None, None]).astype(np.int8)
            tensors[name + _SCALE] = scale
    if packed:
        for name, coded in _coded(features).items():
            arrays: Tensors = dict(zip(_PARTS, coded, strict=True))
            tensors |= {name + part: values for part, values in arrays.items() if values.size}
    return _write(tensors, info, PACKED_FORMAT if packed else FORMAT)


def _coded(features: Arrays) -> dict[str, Coded]:
    finest = max(features, key=lambda name: math.prod(features[name].shape[2:]))
    steps = {name: _spread(v) * (_FINEST if name == finest else _OTHERS) for name, v in features.items()}
    values = sum(each.size for each in features.values())
    while True:
        coded = {name: encode(features[name], step) for name, step in steps.items()}
        excess = 8 * sum(each.residuals.nbytes + each.large.nbytes for each in coded.values()) / values - _AT_MOST
        if excess <= 0:
            return coded
        larger = 2 ** min(excess + _TO_SPARE, 1)  # a bit less for each doubling, but for large ones, which then vanish
        steps = {name: step * larger for name, step in steps.items()}


def _spread(values: NDArray[np.float32]) -> float:
    """What a channel usually varies by: of channels that stand out, as trained models have them, nothing is seen."""
    of_channels = values.std(axis=(0, 2, 3), dtype=np.float64)  # (C,)
    return float(np.median(of_channels) or of_channels.max() or 1)


def unpack(data: bytes) -> tuple[dict[str, NDArray[np.float32]], EmbeddingInfo]:
    """File, of any format -> features (1, C, h, w) float32 by name, and what they are of.

    Raises:
        InvalidFile: when the bytes are not such a file, or cut.
    """
    tensors, metadata = _read(data)
    try:
        if metadata["format"] == ONE_TENSOR_FORMAT:
            tensors = {f"{IMAGE_EMBEDDINGS}{_SCALE}" if name == "scale" else name: t for name, t in tensors.items()}
        elif metadata["format"] not in (FORMAT, PACKED_FORMAT):
            raise InvalidFile(f"The embedding is of format {metadata['format']!r}.", hint=f"Expected: {FORMAT}.")
        info = EmbeddingInfo(
            image_sha256=metadata["image_sha256"],
            model_sha256=metadata["model_sha256"],
            preprocessing_version=int(metadata["preprocessing_version"]),
            image_height=int(metadata["image_height"]),
            image_width=int(metadata["image_width"]),
            image_size=int(metadata["image_size"]),
            region=Region.parse(metadata["region"]) if "region" in metadata else None,
        )
        names = [name.removesuffix(_RESIDUALS) for name in tensors if not name.endswith((_SCALE, *_PARTS[1:]))]
        features = {name: _exact(tensors, name) for name in names}
    except KeyError as error:
        raise InvalidFile(f"The embedding lacks {error}.", hint="Have the image encoded again.") from error
    except ValueError as error:
        raise InvalidFile(f"The embedding cannot be read: {error}.", hint="Have the image encoded again.") from error
    return features, info


def _exact(tensors: Tensors, name: str) -> NDArray[np.float32]:
    if name + _RESIDUALS in tensors:
        large = tensors.get(name + _LARGE, np.empty(0, np.int32))
        predicted, step, shape = (tensors[name + part] for part in (_PREDICTED, _STEP, _SHAPE))
        return decode(Coded(tensors[name + _RESIDUALS], large, predicted, step, shape))
    values = tensors[name].astype(np.float32)
    if tensors[name].dtype == np.int8:
        values *= tensors[name + _SCALE].astype(np.float32)[None, :, None, None]
    return values


def is_whole(head: bytes, size: int) -> bool:
    """Whether a file that begins with ``head`` (at least ``HEAD_BYTES``, or all of it) has the size its header says.

    Args:
        head: the file's first bytes.
        size: of the whole file, in bytes.
    """
    if len(head) < 8:
        return False
    (length,) = struct.unpack("<Q", head[:8])
    if not 2 <= length <= min(HEADER_LIMIT, len(head) - 8):
        return False
    try:
        header = json.loads(head[8 : 8 + length])
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False
    return bool(ends) and all(isinstance(end, int) for end in ends) and size == 8 + length + max(ends)


def smaller(data: bytes, dtype: Dtype) -> bytes:
    """The same embedding in fewer bytes, from the file as the encoder wrote it."""
    features, info = unpack(data)
    return pack(features, info, dtype)


def _write(tensors: Tensors, info: EmbeddingInfo, form: str) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": form} | info.metadata}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        dtype = _SAFETENSORS_TYPES[tensor.dtype]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([struct.pack("<Q", len(text)), text, *(tensor.tobytes() for tensor in tensors.values())])


def _read(data: bytes) -> tuple[Tensors, dict[str, str]]:
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > HEADER_LIMIT:
            raise ValueError(f"a header of {length} bytes")
        body = memoryview(data)[8 + length :]
        header = json.loads(data[8 : 8 + length])
        metadata = dict(header.pop("__metadata__"))
        tensors: Tensors = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            dtype, shape = _NUMPY_TYPES[entry["dtype"]], tuple(entry["shape"])
            if end > len(body) or end - start != dtype.itemsize * math.prod(shape):
                raise ValueError(f"{name} does not fill its place")
            tensors[name] = np.frombuffer(body[start:end], dtype).reshape(shape)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidFile(
            f"The embedding cannot be read: {error}.", hint="The file is cut or damaged; have it encoded again."
        ) from error
    return tensors, metadata
