"""Blobs of a backup into a store outside of the home: a folder elsewhere, or a bucket or prefix in S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from limner.blobs import BlobStore, folder_of
from limner.errors import Conflict
from limner.maintenance.manifest import Digests, Manifest

MARK = "restoring"  # key of a blob that is there for as long as a restore is under way
PREFIX = "blobs/"  # of their names in the backup


class OutsideStore:
    """A store that a backup's blobs go into.

    Nothing of others is overwritten, and two installations never share one: a store with anything in it is refused.
    Only one that holds the mark of this very backup, whose restore was cut off, is gone on with.

    Args:
        url: a folder or ``s3://bucket/prefix``.
        manifest: of the backup.

    Raises:
        InvalidInput: the URL is none that can be used.
    """

    def __init__(self, url: str, manifest: Manifest) -> None:
        self._url = url
        self._folder = folder_of(url)
        self._mark = f"{manifest.installation} {manifest.files_sha256}\n".encode()
        self._store = BlobStore(url) if self._folder is None else None  # a folder is made when it is written to

    def refuse_occupied(self) -> None:
        """Ask before anything is written.

        Raises:
            Conflict: something is there.
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        if self._folder is not None and not self._folder.exists():
            return
        store = self._open()
        first = next((name for name in store.names() if name != MARK), None)
        if first is None:
            return
        mark = store.find(MARK)
        if mark is None:
            raise Conflict(
                f"The blob store {self._url} is occupied: it has {first}.",
                hint="Name an empty folder, bucket or prefix in LIMNER_BLOB_URL.",
            )
        if mark.read() != self._mark:
            raise Conflict(
                f"The blob store {self._url} has a part of another backup, whose restore was cut off.",
                hint="Empty it, or name another folder, bucket or prefix in LIMNER_BLOB_URL.",
            )

    def fill(self, folder: Path, digests: Digests) -> None:
        """Put all blobs of the backup there.

        Raises:
            StorageFull: some are there; a restore goes on with the others.
            Unavailable: as above.
        """
        store = self._open()
        store.put(MARK, self._mark, replace=True)
        for name, digest in digests.items():
            if not name.startswith(PREFIX):
                continue
            key = name.removeprefix(PREFIX)
            if not store.put(key, folder / name) and _sha256(store.open(key).chunks()) != digest:
                store.put(key, folder / name, replace=True)

    def finish(self) -> None:
        """The restore is complete: the store is in use from now on."""
        self._open().delete(MARK)

    def _open(self) -> BlobStore:
        if self._store is None:
            self._store = BlobStore(self._url)
        return self._store


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
