"""Which images have been encoded: the encoder runs once per image and model, across restarts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Embedding, Image

BATCH = 500  # hashes in one statement; databases limit how many


@dataclass(frozen=True)
class EmbeddingKey:
    """What an embedding depends on besides the image."""

    model_sha256: str
    preprocessing_version: int


def add_embedding(session: Session, image_sha256: str, key: EmbeddingKey, seconds: float, size: int) -> None:
    """Remember that an embedding of ``size`` bytes lies in the blob store. What is known already stays known.

    Args:
        session: of a writing transaction.
        image_sha256: of the image's bytes.
        key: the model and preprocessing.
        seconds: what the encoder took; 0 when that is not known.
        size: of the wire file, in bytes.
    """
    identity = (image_sha256, key.model_sha256, key.preprocessing_version)
    row = session.get(Embedding, identity)
    if row is None:
        row = Embedding(seconds=seconds, bytes=size)
        row.image_sha256, row.model_sha256, row.preprocessing_version = identity
        session.add(row)
    elif not row.seconds:
        row.seconds, row.bytes = seconds, size
    session.flush()


def forget_embeddings(session: Session, image_sha256s: Sequence[str]) -> list[tuple[str, EmbeddingKey]]:
    """Forget the embeddings of images whose bytes are going away, of whichever model.

    Returns:
        (image sha256, key) of each: its blob is no longer needed.
    """
    forgotten = []
    for start in range(0, len(image_sha256s), BATCH):
        batch = image_sha256s[start : start + BATCH]
        for row in session.scalars(select(Embedding).where(Embedding.image_sha256.in_(batch))).all():
            forgotten.append((row.image_sha256, EmbeddingKey(row.model_sha256, row.preprocessing_version)))
            session.delete(row)
    return forgotten


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


def next_unencoded(
    session: Session, project_id: int, key: EmbeddingKey, skip: Collection[str], limit: int
) -> Sequence[str]:
    """Hashes of the first images of a project that have no embedding yet and are not in ``skip``."""
    known = (
        select(Embedding.image_sha256)
        .where(
            Embedding.image_sha256 == Image.sha256,
            Embedding.model_sha256 == key.model_sha256,
            Embedding.preprocessing_version == key.preprocessing_version,
        )
        .exists()
    )
    return session.scalars(
        select(Image.sha256)
        .where(Image.project_id == project_id, ~known, Image.sha256.not_in(skip))
        .order_by(Image.id)
        .limit(limit)
    ).all()
