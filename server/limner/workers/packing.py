"""An embedding that was just made, as the bytes that are stored."""

from __future__ import annotations

from limner.encoding.wire import EmbeddingInfo, pack
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import LoadedModel
from limner.vocabulary.geometry import Region
from limner.workers.encoder import Arrays


def packed_embedding(
    features: Arrays, image_sha256: str, model: LoadedModel, size: tuple[int, int], region: Region | None = None
) -> bytes:
    """In the wire format, with what it is an embedding of.

    Args:
        features: what the encoder gave.
        image_sha256: of the image's file.
        model: that made it.
        size: (height, width) of the image in pixels, also where a region of it was encoded.
        region: None for the whole image.
    """
    height, width = size
    info = EmbeddingInfo(
        image_sha256=image_sha256,
        model_sha256=model.weights_sha256,
        preprocessing_version=PREPROCESSING_VERSION,
        image_height=height,
        image_width=width,
        image_size=model.model.config.image_size,
        region=region,
    )
    return pack(features, info)
