"""Exports in parts, which whoever has the duty writes: begun, followed, fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from limner.access import Actor, Permission, access_job, access_project
from limner.atomic import write_file
from limner.formats.exports import ExportChoice
from limner.formats.shards import start_export
from limner.jobs.exported import parts_of, remove_parts
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store.tables import Job

CHUNK_BYTES = 1 << 20


def begin(context: Services, actor: Actor, project_id: int, choice: ExportChoice, images_each: int) -> Job:
    """Have a project written in parts of so many images each.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
        Conflict: it is being exported in parts already.
        InvalidInput: the choice does not go together, is of several files, or takes no image.
    """
    choice.check()
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.EXPORT)
        log_action(session, actor, "annotations.export", "project", project_id, format=choice.format)
        job = start_export(session, project_id, choice.for_person(actor.user_id), images_each)
    context.exporter.look_again()
    return job


def find(context: Services, actor: Actor, job_id: int) -> Job:
    """How it stands.

    Raises:
        NotFound: there is no such job that the actor may see.
    """
    with context.database.read() as session:
        return access_job(session, actor, job_id, Permission.EXPORT)


def fetch(context: Services, actor: Actor, job_id: int, folder: Path) -> int:
    """Put the parts into a folder, as ``part-00001.json`` and so on; they are not kept elsewhere then. How many.

    Raises:
        NotFound: there is no such job that the actor may see, or its parts were removed since.
        Conflict: some are not written.
        Unavailable: the blob store does not answer.
    """
    keys = parts_of(find(context, actor, job_id))
    for key in keys:
        write_file(folder / f"part-{key.rsplit('/', 1)[-1]}", _pieces(context, key))
    remove_parts(context.blobs, job_id)
    return len(keys)


def _pieces(context: Services, key: str) -> Iterator[bytes]:
    blob = context.blobs.open(key)
    if blob.path is None:
        yield blob.read()
        return
    with blob.open_file() as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece
