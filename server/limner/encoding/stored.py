"""Whether an embedding is there: its blob exists and is whole. One that a power loss cut short counts as absent."""

from __future__ import annotations

from limner.blobs import Blob, BlobStore
from limner.encoding.wire import HEAD_BYTES, is_whole
from limner.errors import NotFound


def embedding_size(blobs: BlobStore, key: str) -> int | None:
    """Bytes of the embedding under a key; None when there is none, or one that is not whole.

    Raises:
        Unavailable: the blob store does not answer.
    """
    found = blobs.head(key, HEAD_BYTES)
    if found is None or not is_whole(*found):
        return None
    return found[1]


def open_embedding(blobs: BlobStore, key: str) -> Blob:
    """The embedding under a key, in one round trip.

    Raises:
        NotFound: there is none, or one that is not whole.
        Unavailable: the blob store does not answer.
    """
    blob = blobs.open(key)
    if not is_whole(blob.head(HEAD_BYTES), blob.size):
        raise NotFound(f"The embedding {key} is damaged.", hint="It is made again when it is asked for.")
    return blob
