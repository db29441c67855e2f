"""The next image, leases and assignments."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.work import ChangedImages, GoldImages, NewAssignment, NextImage, NextQuestion, Worker, Workers
from limner.service import gold, work

blueprint = APIBlueprint("work", __name__)


@blueprint.post("/projects/<int:project_id>/next")
@requires(Permission.ANNOTATE)
@blueprint.input(NextQuestion)
@blueprint.output(NextImage)
@blueprint.doc(operation_id="takeNext")
def take_next(project_id: int, json_data: NextQuestion) -> NextImage:
    """Be handed the next image to work on, which nobody else is handed meanwhile."""
    found = work.take_next(
        services(),
        current_actor(),
        project_id,
        current=json_data.current,
        give_back=json_data.give_back,
        listing=None if json_data.among is None else json_data.among.listing(),
    )
    return NextImage(image_id=found.image_id, reserved=list(found.reserved), until=found.until)


@blueprint.delete("/images/<int:image_id>/lease")
@requires(Permission.ANNOTATE)
@blueprint.doc(operation_id="giveBack", responses={204: "Given back, if one had it"})
def give_back(image_id: int) -> Response:
    """Leave an image, and what is reserved after it, to others."""
    work.give_back(services(), current_actor(), image_id)
    return Response(status=204)


@blueprint.get("/projects/<int:project_id>/assignments")
@requires(Permission.ASSIGN)
@blueprint.output(Workers)
@blueprint.doc(operation_id="listWorkers")
def list_workers(project_id: int) -> Workers:
    """Who may work in the project, and what each has to do."""
    return _workers(project_id, 0)


@blueprint.put("/projects/<int:project_id>/assignments")
@requires(Permission.ASSIGN)
@blueprint.input(NewAssignment)
@blueprint.output(Workers)
@blueprint.doc(operation_id="assignImages")
def assign_images(project_id: int, json_data: NewAssignment) -> Workers:
    """Assign images to people, evenly, or take them back."""
    changed = work.assign(services(), current_actor(), project_id, json_data.selection, json_data.to)
    return _workers(project_id, changed)


@blueprint.put("/projects/<int:project_id>/gold")
@requires(Permission.ASSIGN)
@blueprint.input(GoldImages)
@blueprint.output(ChangedImages)
@blueprint.doc(operation_id="setGold")
def set_gold(project_id: int, json_data: GoldImages) -> ChangedImages:
    """Make images gold, or not: annotators are handed copies of gold images unannounced, and measured by them."""
    changed = gold.set_gold(services(), current_actor(), project_id, json_data.image_ids, gold=json_data.gold)
    return ChangedImages(changed=changed)


def _workers(project_id: int, changed: int) -> Workers:
    found = work.list_workers(services(), current_actor(), project_id)
    return Workers(changed=changed, workers=[Worker.of(each) for each in found])
