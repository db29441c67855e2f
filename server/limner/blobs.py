"""Content-addressed bytes in a folder or in S3, behind one small class.

Keys are relative POSIX paths. A blob is written once and never changed, so writing is put-if-absent: two writers of
the same key are both right. obstore refuses paths that climb out of the root and writes files under a temporary name
before renaming them.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, GenericError
from obstore.store import LocalStore, from_url

from limner.errors import InvalidInput, NotFound, StorageFull
from limner.vocabulary.geometry import Region

KEY = re.compile(r"[A-Za-z0-9_\-]+(?:[./][A-Za-z0-9_\-]+)*")
CHUNK_BYTES = 1 << 20


class BlobStore:
    """Bytes under keys.

    Args:
        url: a folder (made when missing) or an obstore URL such as ``s3://bucket/prefix``; S3 credentials and endpoint
            come from the usual ``AWS_*`` environment variables or ``options``.
        options: extra obstore configuration, for S3 only.
    """

    def __init__(self, url: str, **options: Any) -> None:
        if "://" in url:
            self._store: Any = from_url(url, **options)
        else:
            folder = Path(url).expanduser().absolute()
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(folder)
        self.url = url

    def put(self, key: str, data: bytes | Path) -> bool:
        """Write a blob unless it is there.

        Args:
            key: where.
            data: the bytes, or the file that holds them (streamed, not read into memory).

        Returns:
            True when it was written, False when it was there already.

        Raises:
            StorageFull: when the disk is full; nothing half-written is visible.
        """
        try:
            obstore.put(self._store, _checked(key), data, mode="create")
        except AlreadyExistsError:
            return False
        except (GenericError, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
                raise StorageFull(
                    "There is no space left for this file.", hint="Free some disk space and try again."
                ) from error
            raise
        return True

    def get(self, key: str) -> bytes:
        """Read a whole blob.

        Raises:
            NotFound: when there is none under this key.
        """
        return b"".join(self.stream(key))

    def stream(self, key: str) -> Iterator[bytes]:
        """Read a blob in chunks of about 1 MiB.

        Raises:
            NotFound: when there is none under this key; at once, not at the first chunk.
        """
        try:
            result = obstore.get(self._store, _checked(key))
        except FileNotFoundError:
            raise NotFound(f"There is no blob {key}.") from None
        return (bytes(chunk) for chunk in result.stream(min_chunk_size=CHUNK_BYTES))

    def size(self, key: str) -> int | None:
        """Bytes of a blob, or None when there is none."""
        try:
            return int(obstore.head(self._store, _checked(key))["size"])
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        """Whether there is a blob under this key."""
        return self.size(key) is not None

    def delete(self, key: str) -> None:
        """Remove a blob; nothing happens when there is none."""
        try:
            obstore.delete(self._store, _checked(key))
        except FileNotFoundError:
            return

    def delete_folder(self, folder: str) -> None:
        """Remove every blob whose key begins with ``folder`` and a slash."""
        for page in obstore.list(self._store, prefix=_checked(folder)):
            for blob in page:
                self.delete(str(blob["path"]))


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise InvalidInput(f"{key!r} is not a usable blob key.", hint="Use letters, digits, '_', '-', '.' and '/'.")
    return key


def image_key(sha256: str) -> str:
    """The image file as it was uploaded."""
    return f"images/{sha256[:2]}/{sha256}"


def display_key(sha256: str) -> str:
    """The oriented image as browsers show it."""
    return f"display/{sha256[:2]}/{sha256}"


def thumbnail_key(sha256: str) -> str:
    """A small WebP of the oriented image."""
    return f"thumbnails/{sha256[:2]}/{sha256}.webp"


def embedding_key(
    image_sha256: str,
    model_sha256: str,
    preprocessing_version: int,
    dtype: str = "f16",
    region: Region | None = None,
) -> str:
    """The encoder's output for exactly this image, or region of it, model and preprocessing.

    ``dtype`` is ``f16`` or ``i8``.
    """
    folder = f"embeddings/{model_sha256}/{preprocessing_version}/{image_sha256[:2]}"
    if region is None:
        return f"{folder}/{image_sha256}.{dtype}.safetensors"
    name = f"{region.x}-{region.y}-{region.width}-{region.height}"
    return f"{region_folder(image_sha256, model_sha256, preprocessing_version)}/{name}.{dtype}.safetensors"


def region_folder(image_sha256: str, model_sha256: str, preprocessing_version: int) -> str:
    """What the keys of all embeddings of regions of an image begin with."""
    return f"embeddings/{model_sha256}/{preprocessing_version}/{image_sha256[:2]}/{image_sha256}"
