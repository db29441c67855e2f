"""Taking images in: bytes first, the row that makes them visible last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from limner.blobs import display_key, image_key, thumbnail_key
from limner.encoding import images as pixels
from limner.jobs.sweep import abandon, revive
from limner.maintenance.integrity import Fault, image_faults
from limner.service.wiring import Services
from limner.store.images import NewImage, add_image, find_by_sha256
from limner.store.projects import get_project
from limner.store.tables import Image
from limner.store.trash import restore_same
from limner.vocabulary.counted import counted

DECODING = threading.BoundedSemaphore(2)  # a decoded image may take 300 MB


@dataclass(frozen=True)
class Ingested:
    """An image, whether it is new to the project, and what whoever brought the file should know."""

    image: Image
    created: bool  # or back from the trash
    notes: tuple[str, ...] = ()


def ingest_image(
    context: Services, project_id: int, file_name: str, read: Callable[[], bytes], sha256: str
) -> Ingested:
    """Add an image file to a project. Nothing is stored when it is refused.

    An image of the same bytes that is in the project's trash is restored. Blobs of it that are missing or damaged are
    mended.

    However many requests bring files, only so many of them are in memory at once as are decoded at once.

    Args:
        context: the services.
        project_id: where it goes.
        file_name: a clean relative name.
        read: gives the whole file.
        sha256: of the file.

    Raises:
        NotFound: no such project.
        InvalidImage, ImageTooLarge: the file is not an image that Limner accepts.
        StorageFull: no space.
    """
    with context.database.read() as session:
        get_project(session, project_id)
        known = find_by_sha256(session, project_id, sha256)
    revive(context.database, sha256)
    faults = image_faults(context.blobs, sha256)
    if known is not None and not faults:
        return _ingested(known, file_name, created=False)
    with DECODING:
        data = read()
        decoded = pixels.decode_image(data, max_pixels=context.settings.max_pixels)
        display, display_type = pixels.display_bytes(data, decoded)
        new = NewImage(
            file_name=file_name,
            width=decoded.width,
            height=decoded.height,
            sha256=sha256,
            bytes=len(data),
            format=decoded.format,
            display_type=display_type,
            pages=decoded.pages,
        )
        thumbnail = pixels.thumbnail_bytes(decoded)
        blobs = {image_key(sha256): data, display_key(sha256): display, thumbnail_key(sha256): thumbnail}
        return _store(context, project_id, new, blobs, faults)


def _ingested(image: Image, file_name: str, *, created: bool) -> Ingested:
    notes = []
    if created and image.file_name != file_name:
        notes.append(f"The project has another image called {file_name}: this one is called {image.file_name}.")
    elif image.file_name != file_name:
        notes.append(f"The project has the same file already: {image.file_name}.")
    if image.pages > 1:
        notes.append(f"Page 1 of {image.pages} was taken; save the others as files of their own to annotate them.")
    return Ingested(image, created, tuple(notes))


def _restored(image: Image) -> Ingested:
    masks = counted(image.annotation_count, "mask")
    note = f"It was in the trash, and is back as {image.file_name} with all that is on it: {masks}."
    return Ingested(image, created=True, notes=(note,))


def _store(
    context: Services, project_id: int, new: NewImage, blobs: dict[str, bytes], faults: Mapping[str, Fault]
) -> Ingested:
    try:
        for key, data in blobs.items():
            context.blobs.put(key, data, replace=faults.get(key) == "damaged")
        with context.database.write() as session:
            get_project(session, project_id)
            restored = restore_same(session, project_id, new.sha256)
            if restored is not None:
                return _restored(restored)
            image, created = add_image(session, project_id, new)
            return _ingested(image, new.file_name, created=created)
    except BaseException:
        abandon(context.database, new.sha256)
        raise
