"""Content-addressed bytes in a folder or in S3, behind one small class.

Keys are relative POSIX paths. A blob is written once and never changed, so writing is put-if-absent: two writers of
the same key are both right. A blob of another size than what is written is damaged and replaced. In a folder a blob is
on the disk, name and all, before :meth:`BlobStore.put` returns: rows that point to it are committed after that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from limner import s3
from limner.atomic import make_folder, write_file, write_new
from limner.errors import InvalidInput, NotFound, StorageFull, is_disk_full
from limner.vocabulary.geometry import Region

KEY = re.compile(r"[A-Za-z0-9_\-]+(?:[./][A-Za-z0-9_\-]+)*")
CHUNK_BYTES = 1 << 20


class Blob:
    """A blob that was found.

    Attributes:
        size: in bytes; above 0.
        path: where it lies, when that is a file.
    """

    def __init__(self, size: int, path: Path | None = None, result: Any = None) -> None:
        self.size = size
        self.path = path
        self._result = result
        self._content: bytes | None = None

    def open_file(self) -> BinaryIO:
        """Of a blob that is a file: it, opened; it can be read to its end even if the blob is removed meanwhile.

        Raises:
            NotFound: it was removed since it was found.
        """
        assert self.path is not None, "only blobs that are files"
        try:
            return self.path.open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"The blob {self.path.name} was removed.", hint="It is made again when need be.") from error

    def head(self, length: int) -> bytes:
        """The first bytes. Of a blob in S3 all of it is fetched and kept, so that it takes one round trip."""
        if self.path is not None:
            with self.open_file() as file:
                return file.read(length)
        if self._content is None:
            self._content = b"".join(self.chunks())
        return self._content[:length]

    def read(self) -> bytes:
        """All of it.

        Raises:
            Unavailable: the store stopped answering.
        """
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """All of it in pieces of about 1 MiB.

        Raises:
            Unavailable: the store stopped answering.
        """
        if self.path is not None:
            with self.open_file() as file:
                yield from _pieces_of(file)
        elif self._content is not None:
            yield self._content
        else:
            try:
                for chunk in self._result.stream(min_chunk_size=CHUNK_BYTES):
                    yield bytes(chunk)
            except BaseError as error:
                raise s3.refusal(error) from error


def folder_of(url: str) -> Path | None:
    """Where the blobs of this URL lie, when they are files; None when they are in S3."""
    return None if s3.is_url(url) else Path(os.path.abspath(Path(url).expanduser()))


class BlobStore:
    """Bytes under keys.

    Args:
        url: a folder (made when missing) or ``s3://bucket/prefix``; S3 credentials and endpoint come from the usual
            ``AWS_*`` environment variables or ``options``.
        options: extra obstore configuration, for S3 only.

    Raises:
        InvalidInput: the URL is none that can be used.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._folder = folder_of(url)
        if self._folder is None:
            self._store: Any = s3.open_prefix(url, **options)
        else:
            make_folder(self._folder, mode=0o700)
            if not self._folder.is_dir():
                raise InvalidInput(
                    f"{self._folder} is a file.", hint="Blobs need a folder; name one in LIMNER_BLOB_URL."
                )
            self._store = LocalStore(self._folder)
        self.url = url

    @property
    def folder(self) -> Path | None:
        """Where the blobs lie, when they are files."""
        return self._folder

    def put(self, key: str, data: bytes | Path, *, replace: bool = False) -> bool:
        """Write a blob unless it is there in the same size.

        Args:
            key: where.
            data: the bytes, or the file that holds them (streamed, not read into memory).
            replace: write it in any case: what is there is known to be damaged.

        Returns:
            True when it was written, False when it was there already.

        Raises:
            StorageFull: when the disk is full; nothing half-written is visible.
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if self._folder is None:
            return self._put_object(_checked(key), data, size, replace=replace)
        path = self._folder / _checked(key)
        try:
            make_folder(path.parent)
            if not replace:
                if write_new(path, data):
                    return True
                if path.is_file() and path.stat().st_size == size:  # a link that leads nowhere is replaced
                    return False
            write_file(path, data if isinstance(data, bytes) else _pieces(data))
        except OSError as error:
            if is_disk_full(error):
                raise StorageFull.of(error) from error
            raise
        return True

    def _put_object(self, key: str, data: bytes | Path, size: int, *, replace: bool) -> bool:
        try:
            if not replace:
                try:
                    obstore.put(self._store, key, data, mode="create")
                    return True
                except AlreadyExistsError:
                    if self.size(key) == size:
                        return False
            obstore.put(self._store, key, data)
        except (BaseError, FileNotFoundError) as error:
            raise s3.refusal(error) from error
        return True

    def find(self, key: str) -> Blob | None:
        """A blob, ready to be read, in one round trip; None when there is none. One without bytes counts as none.

        Raises:
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        if self._folder is not None:
            path = self._folder / _checked(key)
            try:
                size = path.stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None
            return Blob(size, path) if size else None
        try:
            result = obstore.get(self._store, _checked(key))
        except (BaseError, FileNotFoundError) as error:
            s3.raise_unless_absent(error)
            return None
        size = int(result.meta["size"])
        return Blob(size, result=result) if size else None

    def open(self, key: str) -> Blob:
        """As :meth:`find`.

        Raises:
            NotFound: when there is none under this key.
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        blob = self.find(key)
        if blob is None:
            raise NotFound(
                f"There is no blob {key}.", hint="Uploading the same file again restores what belongs to an image."
            )
        return blob

    def get(self, key: str) -> bytes:
        """Read a whole blob.

        Raises:
            NotFound: when there is none under this key.
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        return self.open(key).read()

    def head(self, key: str, length: int) -> tuple[bytes, int] | None:
        """The first bytes of a blob and the size of the whole, in one round trip; None when there is none.

        Raises:
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        if self._folder is not None:
            blob = self.find(key)
            if blob is None:
                return None
            try:
                return blob.head(length), blob.size
            except NotFound:  # removed in this moment
                return None
        try:
            result = obstore.get(self._store, _checked(key), options={"range": (0, length)})
            return bytes(result.bytes()), int(result.meta["size"])
        except (BaseError, FileNotFoundError) as error:
            if not s3.is_empty(error):
                s3.raise_unless_absent(error)
            return None

    def size(self, key: str) -> int | None:
        """Bytes of a blob, or None when there is none.

        Raises:
            Unavailable: S3 does not answer, has no such bucket or refuses the credentials.
        """
        try:
            return int(obstore.head(self._store, _checked(key))["size"])
        except (BaseError, FileNotFoundError) as error:
            s3.raise_unless_absent(error)
            return None

    def exists(self, key: str) -> bool:
        """Whether there is a blob under this key."""
        return self.size(key) is not None

    def delete(self, key: str) -> None:
        """Remove a blob; nothing happens when there is none."""
        try:
            obstore.delete(self._store, _checked(key))
        except (BaseError, FileNotFoundError) as error:
            s3.raise_unless_absent(error)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders right below a folder; none when there is no such folder."""
        try:
            found = obstore.list_with_delimiter(self._store, prefix=_checked(folder))["common_prefixes"]
        except BaseError as error:
            raise s3.refusal(error) from error
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)

    def names(self) -> Iterator[str]:
        """Paths of everything that is there, also of what is no blob.

        Raises:
            Unavailable: as in :meth:`find`.
        """
        try:
            for page in obstore.list(self._store):
                yield from (str(entry["path"]) for entry in page)
        except BaseError as error:
            raise s3.refusal(error) from error

    def list(self, folder: str | None = None) -> Iterator[tuple[str, int]]:
        """Key and size of every blob, or of those whose key begins with ``folder`` and a slash."""
        for blob in self._entries(folder):
            yield str(blob["path"]), int(blob["size"])

    def times(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Key, and time of writing, of every blob whose key begins with ``folder`` and a slash.

        The time is the store's, in UTC: of files to the microsecond or so, in S3 to the second.
        """
        for blob in self._entries(folder):
            yield str(blob["path"]), blob["last_modified"]

    def _entries(self, folder: str | None) -> Iterator[Mapping[str, Any]]:
        prefix = None if folder is None else _checked(folder)
        try:
            for page in obstore.list(self._store, prefix=prefix):
                for blob in page:
                    if KEY.fullmatch(str(blob["path"])):  # not what somebody is still writing
                        yield blob
        except BaseError as error:
            raise s3.refusal(error) from error


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _pieces_of(file)


def _pieces_of(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK_BYTES):
        yield piece


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


def snapshot_key(sha256: str) -> str:
    """Annotations of a project as they stood once: a COCO file of these bytes."""
    return f"snapshots/{sha256[:2]}/{sha256}.json"


def embedding_key(
    image_sha256: str,
    model_sha256: str,
    preprocessing_version: int,
    dtype: str = "f16",
    region: Region | None = None,
) -> str:
    """The encoder's output for exactly this image, or region of it, model and preprocessing.

    ``dtype`` is one of ``wire.DTYPES``.
    """
    folder = f"embeddings/{model_sha256}/{preprocessing_version}/{image_sha256[:2]}"
    if region is None:
        return f"{folder}/{image_sha256}.{dtype}.safetensors"
    name = f"{region.x}-{region.y}-{region.width}-{region.height}"
    return f"{region_folder(image_sha256, model_sha256, preprocessing_version)}/{name}.{dtype}.safetensors"


def region_folder(image_sha256: str, model_sha256: str, preprocessing_version: int) -> str:
    """What the keys of all embeddings of regions of an image begin with."""
    return f"embeddings/{model_sha256}/{preprocessing_version}/{image_sha256[:2]}/{image_sha256}"
