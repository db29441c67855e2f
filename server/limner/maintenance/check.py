"""Is everything that the database names in the blob store, and whole; and are sums of figures those of the rows?

``limner check`` asks, and mends what it can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, tuple_

from limner.blobs import BlobStore, display_key, embedding_key, image_key, snapshot_key, thumbnail_key
from limner.encoding.images import decode_image, display_bytes, thumbnail_bytes
from limner.encoding.stored import embedding_size
from limner.errors import InvalidInput
from limner.jobs.statistics import count_changes
from limner.maintenance.integrity import Fault, image_faults
from limner.store import Database
from limner.store.recount import all_projects, count_anew, images_hold, sums_hold
from limner.store.tables import Embedding, Image, Snapshot

PAGE = 500  # rows read at once
SUMS = "sums/"  # before the number of a project, in a finding


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        key: of the blob; ``sums/<number of the project>`` for sums that are not those of the rows.
        fault: what is wrong with it.
        images: (image number, file name) of the images that need it.
        mended: whether it was put right.
    """

    key: str
    fault: Fault | Literal["wrong"]
    images: tuple[tuple[int, str], ...]
    mended: bool


def check(
    database: Database,
    blobs: BlobStore,
    *,
    thorough: bool = False,
    mend: bool = False,
    max_pixels: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Finding]:
    """Look at every image, snapshot and embedding that the database names, and at the sums of every project.

    Nothing is locked: a server may run beside it.

    Args:
        database: names them.
        blobs: hold them.
        thorough: decode pictures whole; finds damage in the middle of what was derived from an original.
        mend: make again what can be made from an intact original, and forget embeddings that are not whole, so that
            they are made again. An original that is gone comes back when the same file is uploaded again. All sums of
            a project of which one is wrong are counted anew.
        max_pixels: largest image accepted.
        progress: told the number of images looked at.
    """
    for count, (sha256, images) in enumerate(_images(database), start=1):
        faults = image_faults(blobs, sha256, thorough=thorough)
        mended = mend and bool(faults) and image_key(sha256) not in faults and _derive(blobs, sha256, max_pixels)
        for key, fault in faults.items():
            yield Finding(key, fault, images, mended)
        progress(count)
    yield from _snapshot_findings(database, blobs)
    yield from _embedding_findings(database, blobs, mend=mend)
    yield from _sum_findings(database, mend=mend)


def _images(database: Database) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
    """Each hash once, with the images that have it, in the order of hashes."""
    after = ""
    while True:
        with database.read() as session:
            hashes = session.scalars(
                select(Image.sha256).where(Image.sha256 > after).distinct().order_by(Image.sha256).limit(PAGE)
            ).all()
            rows = session.execute(
                select(Image.sha256, Image.id, Image.file_name).where(Image.sha256.in_(hashes)).order_by(Image.id)
            ).all()
        if not hashes:
            return
        for sha256 in hashes:
            yield sha256, tuple((number, name) for owner, number, name in rows if owner == sha256)
        after = hashes[-1]


def _derive(blobs: BlobStore, sha256: str, max_pixels: int) -> bool:
    data = blobs.get(image_key(sha256))
    try:
        decoded = decode_image(data, max_pixels=max_pixels)
    except InvalidInput:
        return False  # accepted by an earlier version; what is shown of it cannot be made again
    display, _ = display_bytes(data, decoded)
    blobs.put(display_key(sha256), display, replace=True)
    blobs.put(thumbnail_key(sha256), thumbnail_bytes(decoded), replace=True)
    return True


def _snapshot_findings(database: Database, blobs: BlobStore) -> Iterator[Finding]:
    """A snapshot cannot be made again; a backup has it."""
    with database.read() as session:
        named = session.scalars(select(Snapshot.sha256).distinct().order_by(Snapshot.sha256)).all()
    for sha256 in named:
        key = snapshot_key(sha256)
        blob = blobs.find(key)
        digest = hashlib.sha256()
        for piece in blob.chunks() if blob else ():
            digest.update(piece)
        if digest.hexdigest() != sha256:
            yield Finding(key, "damaged" if blob else "missing", (), mended=False)


def _sum_findings(database: Database, *, mend: bool) -> Iterator[Finding]:
    """All sums of a project are made again where one is wrong; by whoever serves, or here where nobody does."""
    with database.read() as session:
        projects = all_projects(session)
    wrong = [project_id for project_id in projects if not _sums_are_right(database, project_id)]
    if mend and wrong:
        for project_id in wrong:
            with database.write(bulk=True) as session:
                count_anew(session, project_id)
        count_changes(database)
    for project_id in wrong:
        yield Finding(f"{SUMS}{project_id}", "wrong", (), mended=mend)


def _sums_are_right(database: Database, project_id: int) -> bool:
    with database.read() as session:
        right = sums_hold(session, project_id)
    after: int | None = 0
    while right and after is not None:
        with database.read() as session:
            right, after = images_hold(session, project_id, after, PAGE)
    return right


def _embedding_findings(database: Database, blobs: BlobStore, *, mend: bool) -> Iterator[Finding]:
    after = ("", "", -1)
    columns = (Embedding.image_sha256, Embedding.model_sha256, Embedding.preprocessing_version)
    while True:
        with database.read() as session:
            rows = session.execute(select(*columns).order_by(*columns).where(_beyond(after)).limit(PAGE)).all()
        if not rows:
            return
        for image, model, version in rows:
            after = (image, model, version)
            key = embedding_key(image, model, version)
            if embedding_size(blobs, key) is not None:
                continue
            fault: Fault = "damaged" if blobs.find(key) else "missing"
            if mend:
                blobs.delete(key)
                with database.write() as session:
                    same = (column == value for column, value in zip(columns, after, strict=True))
                    session.execute(delete(Embedding).where(*same))
            yield Finding(key, fault, _images_of(database, image), mend)


def _beyond(after: tuple[str, str, int]) -> ColumnElement[bool]:
    return tuple_(Embedding.image_sha256, Embedding.model_sha256, Embedding.preprocessing_version) > after


def _images_of(database: Database, sha256: str) -> tuple[tuple[int, str], ...]:
    with database.read() as session:
        found = session.execute(select(Image.id, Image.file_name).where(Image.sha256 == sha256)).all()
    return tuple((number, name) for number, name in found)
