"""Projects in and out, in the formats of others."""

from __future__ import annotations

from collections.abc import Iterator

from limner.access import Actor, Permission
from limner.formats.coco import ImportReport
from limner.formats.exports import ExportChoice, export_document, export_files
from limner.formats.files import ExportFile, zip_chunks
from limner.formats.importing import Boxes, ImportFormat, Sources, import_files
from limner.service.audit import log_action
from limner.service.projects import check_project
from limner.service.webhooks import tell_export
from limner.service.wiring import Services
from limner.vocabulary.audit import AuditAction

__all__ = ["ImportReport", "export_folder", "export_stream", "import_annotations"]


def import_annotations(
    context: Services,
    actor: Actor,
    project_id: int,
    sources: Sources,
    *,
    form: ImportFormat | None = None,
    boxes: Boxes = "skip",
    preview: bool = False,
) -> ImportReport:
    """Add the annotations of files to the images they name; entries that cannot be used are listed.

    Args:
        context: everything.
        actor: who imports.
        project_id: where to.
        sources: the files, all of one format.
        form: the format; None finds it out.
        boxes: what becomes of boxes without a mask.
        preview: write nothing, and report what would be added.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not import into it.
        InvalidFile: the files are of no known format, or broken as a whole.
    """
    check_project(context, actor, project_id, Permission.IMPORT)
    if not preview:
        _note(context, actor, "annotations.import", project_id, form or "found out")
    return import_files(
        context.database, project_id, sources, form=form, boxes=boxes, preview=preview, user_id=actor.user_id
    )


def export_stream(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> Iterator[bytes]:
    """A project as one file, piece by piece: the COCO file, or a ZIP archive when the choice takes several.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
        InvalidInput: the choice does not go together.
    """
    choice = _checked(actor, choice)
    check_project(context, actor, project_id, Permission.EXPORT)
    _note(context, actor, "annotations.export", project_id, choice.format)
    tell_export(context, actor, project_id, choice.format)
    if choice.is_one_file:
        return export_document(context.database, project_id, choice)
    return zip_chunks(export_files(context.database, context.blobs, project_id, choice))


def export_folder(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> Iterator[ExportFile]:
    """A project as files, one after the other; for a choice that is not one file.

    Raises:
        NotFound, Forbidden, InvalidInput: as :func:`export_stream`.
    """
    choice = _checked(actor, choice)
    check_project(context, actor, project_id, Permission.EXPORT)
    _note(context, actor, "annotations.export", project_id, choice.format)
    tell_export(context, actor, project_id, choice.format)
    return export_files(context.database, context.blobs, project_id, choice)


def _checked(actor: Actor, choice: ExportChoice) -> ExportChoice:
    """The choice, which knows who "me" is.

    Raises:
        InvalidInput: it does not go together.
    """
    choice.check()
    return choice.for_person(actor.user_id)


def _note(context: Services, actor: Actor, action: AuditAction, project_id: int, kind: str) -> None:
    """Written down before it begins: what is read or written then is many transactions."""
    with context.database.write() as session:
        log_action(session, actor, action, "project", project_id, format=kind)
