"""What a detector learns from, of a project: its masks, its categories, and embeddings that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limner.blobs import BlobStore, embedding_key
from limner.encoding.stored import embedding_size
from limner.encoding.wire import unpack
from limner.errors import InvalidInput
from limner.models.catalogue import ModelCard
from limner.models.detectors import DetectorCategory
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import model_config
from limner.train.detector.examples import UNKNOWN, Example, Read
from limner.train.projects import ProjectObjects
from limner.vocabulary.counted import counted


def categories_to_tell(objects: ProjectObjects, wanted: bool | None) -> tuple[DetectorCategory, ...]:
    """The categories that a detector of this project knows; one alone is given to all that it finds.

    Raises:
        InvalidInput: categories are wanted, and there are none to tell apart.
    """
    used = {number for image in objects.images for number in image.category_ids}
    known = tuple(DetectorCategory(id=number, name=name) for number, name in objects.categories if number in used)
    if wanted and len(known) < 2:
        have = f"only the category {known[0].name!r}" if known else "no categories"
        raise InvalidInput(
            f"The masks of the project {objects.project!r} have {have}: there is nothing to tell apart.",
            hint="Leave --categories out, or give objects of a second category.",
        )
    if wanted is False or (len(known) == 1 and None in used):
        return ()
    return known


def with_embeddings(
    objects: ProjectObjects, card: ModelCard, blobs: BlobStore, told: tuple[DetectorCategory, ...]
) -> list[Example]:
    """The images whose embeddings by this model are stored.

    Raises:
        InvalidInput: none are.
    """
    config = model_config(card.family)
    numbers = {category.id: index for index, category in enumerate(told)}
    examples = [
        Example(
            image.sha256,
            config.geometry(image.height, image.width),
            image.masks,
            tuple(UNKNOWN if number is None else numbers.get(number, UNKNOWN) for number in image.category_ids),
            objects.project,
        )
        for image in objects.images
        if embedding_size(blobs, embedding_key(image.sha256, card.weights_sha256, PREPROCESSING_VERSION)) is not None
    ]
    if not examples:
        raise InvalidInput(
            f"Of {counted(len(objects.images), 'image')} with masks none has an embedding "
            f"by {card.title or card.name}.",
            hint="Have the images prepared first: on the project's page, or by opening them.",
        )
    return examples


def embedding_reader(blobs: BlobStore, card: ModelCard) -> Read:
    """Gives the stored embeddings by this model."""

    def read(sha256: str) -> Mapping[str, Any]:
        features, info = unpack(blobs.get(embedding_key(sha256, card.weights_sha256, PREPROCESSING_VERSION)))
        if info.model_sha256 != card.weights_sha256:
            raise InvalidInput(
                f"The embedding of the image {sha256[:12]}… is by a model with the weights {info.model_sha256[:12]}…, "
                f"not {card.weights_sha256[:12]}….",
                hint="Have it encoded again.",
            )
        return features

    return read
