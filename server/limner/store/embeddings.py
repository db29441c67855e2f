"""Which images have been encoded: the encoder runs once per image and model, across restarts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from limner.models.manifest import PREPROCESSING_VERSION
from limner.store.embedding_use import removal_order
from limner.store.tables import Embedding, Image
from limner.store.types import utc_now
from limner.store.upsert import insert_for


@dataclass(frozen=True)
class EmbeddingKey:
    """What an embedding depends on besides the image."""

    model_sha256: str
    preprocessing_version: int

    @classmethod
    def of(cls, model_sha256: str) -> EmbeddingKey:
        """As this version of Limner makes them with these weights."""
        return cls(model_sha256, PREPROCESSING_VERSION)


@dataclass(frozen=True)
class MadeEmbedding:
    """An embedding that lies in the blob store: what the encoder took, 0 s if that is not known, and its bytes."""

    image_sha256: str
    seconds: float
    bytes: int


def add_embeddings(session: Session, key: EmbeddingKey, made: Sequence[MadeEmbedding]) -> None:
    """Remember embeddings. What is known already stays known; how long it took is added if that was not."""
    if not made:
        return
    rows = insert_for(session, Embedding)
    remember = rows.on_conflict_do_update(
        index_elements=["image_sha256", "model_sha256", "preprocessing_version"],
        set_={name: rows.excluded[name] for name in ("seconds", "bytes", "last_used", "removal_order")},
        where=Embedding.seconds == 0,
    )
    now = utc_now()
    values = [
        {
            "image_sha256": each.image_sha256,
            "model_sha256": key.model_sha256,
            "preprocessing_version": key.preprocessing_version,
            "seconds": each.seconds,
            "bytes": each.bytes,
            "created": now,
            "last_used": now,
            "removal_order": removal_order(now, each.seconds, each.bytes),
        }
        for each in made
    ]
    session.connection().execute(remember, values)  # with the values inside, every statement would be compiled anew


def encoded_among(session: Session, image_sha256s: Collection[str], key: EmbeddingKey) -> set[str]:
    """Which of these images have an embedding."""
    return set(
        session.scalars(
            select(Embedding.image_sha256).where(
                Embedding.image_sha256.in_(image_sha256s),
                Embedding.model_sha256 == key.model_sha256,
                Embedding.preprocessing_version == key.preprocessing_version,
            )
        )
    )


def embedded(key: EmbeddingKey) -> ColumnElement[bool]:
    """In a query of images: that the image has an embedding."""
    return (
        select(Embedding.image_sha256)
        .where(
            Embedding.image_sha256 == Image.sha256,
            Embedding.model_sha256 == key.model_sha256,
            Embedding.preprocessing_version == key.preprocessing_version,
        )
        .exists()
    )
