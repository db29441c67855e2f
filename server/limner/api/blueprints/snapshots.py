"""Snapshots of a project."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import blob_response
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.snapshots import Diff, Difference, DiffQuery, NewSnapshot, Snapshot, SnapshotList
from limner.service import snapshots

blueprint = APIBlueprint("snapshots", __name__)

MOST_DIFFERENCES = 1_000  # in one answer; all of them are counted
MOST_NAMES = 1_000  # of images that came or went


@blueprint.get("/projects/<int:project_id>/snapshots")
@requires(Permission.VIEW)
@blueprint.output(SnapshotList)
@blueprint.doc(operation_id="listSnapshots")
def list_snapshots(project_id: int) -> SnapshotList:
    """The snapshots of a project, oldest first."""
    found = snapshots.list_all(services(), current_actor(), project_id)
    return SnapshotList(snapshots=[Snapshot.model_validate(each) for each in found])


@blueprint.post("/projects/<int:project_id>/snapshots")
@requires(Permission.EXPORT)
@blueprint.input(NewSnapshot)
@blueprint.output(Snapshot, status_code=201)
@blueprint.doc(operation_id="takeSnapshot")
def take_snapshot(project_id: int, json_data: NewSnapshot) -> Snapshot:
    """Keep the annotations of a project as they stand now, under a name."""
    return Snapshot.model_validate(snapshots.take(services(), current_actor(), project_id, json_data.name))


@blueprint.get("/snapshots/<int:snapshot_id>/file")
@requires(Permission.EXPORT)
@blueprint.doc(operation_id="getSnapshotFile", responses=binary_response("application/json", "The COCO file"))
def get_file(snapshot_id: int) -> Response:
    """The COCO file of a snapshot: the same bytes for ever."""
    snapshot, find = snapshots.open_file(services(), current_actor(), snapshot_id)
    response = blob_response(find, snapshot.sha256, "application/json")
    name = f"limner-project-{snapshot.project_id}-snapshot-{snapshot.id}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get("/snapshots/<int:snapshot_id>/diff")
@requires(Permission.EXPORT)
@blueprint.input(DiffQuery, location="query")
@blueprint.output(Diff)
@blueprint.doc(operation_id="compareSnapshots")
def compare_snapshots(snapshot_id: int, query_data: DiffQuery) -> Diff:
    """What was added, removed and changed since a snapshot, until another one or until now."""
    first: list[Difference] = []

    def note(difference: snapshots.Difference) -> None:
        if len(first) < MOST_DIFFERENCES:
            first.append(Difference.model_validate(difference))

    counts = snapshots.compare(services(), current_actor(), snapshot_id, query_data.after, note)
    return Diff(
        images_added=counts.images_added[:MOST_NAMES],
        images_removed=counts.images_removed[:MOST_NAMES],
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        unchanged=counts.unchanged,
        differences=first,
    )


@blueprint.delete("/snapshots/<int:snapshot_id>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.doc(operation_id="deleteSnapshot", responses={204: "Deleted"})
def delete_snapshot(snapshot_id: int) -> Response:
    """Forget a snapshot; its file goes a day later."""
    snapshots.delete(services(), current_actor(), snapshot_id)
    return Response(status=204)
