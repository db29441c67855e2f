"""Projects in and out, in the formats of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from limner.access import Actor, Permission
from limner.formats.coco import ImportReport, export_coco
from limner.formats.coco import import_coco as read_coco
from limner.formats.exports import ExportChoice, export_files
from limner.formats.files import ExportFile, zip_chunks
from limner.formats.sa1b import import_sa1b as read_sa1b
from limner.service.audit import log_action
from limner.service.projects import check_project
from limner.service.wiring import Services
from limner.vocabulary.audit import AuditAction

__all__ = ["ImportReport", "export_folder", "export_stream", "import_coco", "import_sa1b"]


def import_coco(context: Services, actor: Actor, project_id: int, file: IO[bytes]) -> ImportReport:
    """Add the annotations of a COCO file to the images it names; entries that cannot be used are listed.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not import into it.
        InvalidFile: it is no COCO file.
    """
    check_project(context, actor, project_id, Permission.IMPORT)
    _note(context, actor, "annotations.import", project_id, "coco")
    return read_coco(context.database, project_id, file, user_id=actor.user_id)


def import_sa1b(
    context: Services, actor: Actor, project_id: int, documents: Iterable[tuple[str, bytes]]
) -> ImportReport:
    """Add the masks of SA-1B documents, each given with its name for messages, to the images they name.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not import into it.
    """
    check_project(context, actor, project_id, Permission.IMPORT)
    _note(context, actor, "annotations.import", project_id, "sa1b")
    return read_sa1b(context.database, project_id, documents, user_id=actor.user_id)


def export_stream(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> Iterator[bytes]:
    """A project as one file, piece by piece: the COCO file, or a ZIP archive when the choice takes several.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
        InvalidInput: the choice does not go together.
    """
    choice.check()
    check_project(context, actor, project_id, Permission.EXPORT)
    _note(context, actor, "annotations.export", project_id, choice.format)
    if choice.is_one_file:
        return export_coco(context.database, project_id, choice.segmentations, skipped=choice.skipped)
    return zip_chunks(export_files(context.database, context.blobs, project_id, choice))


def export_folder(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> Iterator[ExportFile]:
    """A project as files, one after the other; for a choice that is not one file.

    Raises:
        NotFound, Forbidden, InvalidInput: as :func:`export_stream`.
    """
    choice.check()
    check_project(context, actor, project_id, Permission.EXPORT)
    _note(context, actor, "annotations.export", project_id, choice.format)
    return export_files(context.database, context.blobs, project_id, choice)


def _note(context: Services, actor: Actor, action: AuditAction, project_id: int, kind: str) -> None:
    """Written down before it begins: what is read or written then is many transactions."""
    with context.database.write() as session:
        log_action(session, actor, action, "project", project_id, format=kind)
