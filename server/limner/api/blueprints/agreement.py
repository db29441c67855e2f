"""Agreement on images on which several people work: figures, the images, what people made of one, and settling it."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.agreement import (
    AgreementSummary,
    ComparedAnswers,
    ComparedImage,
    ComparedImages,
    Settled,
    Settlement,
)
from limner.service import agreement, consensus

blueprint = APIBlueprint("agreement", __name__)

MOST_LISTED = 500


@blueprint.get("/projects/<int:project_id>/statistics/agreement")
@requires(Permission.READ_STATISTICS)
@blueprint.output(AgreementSummary)
@blueprint.doc(operation_id="getAgreement")
def get_agreement(project_id: int) -> AgreementSummary:
    """How far people agree on images on which several worked independently."""
    return AgreementSummary.of(agreement.summary(services(), current_actor(), project_id))


@blueprint.get("/projects/<int:project_id>/statistics/agreement.csv")
@requires(Permission.READ_STATISTICS)
@blueprint.doc(operation_id="getAgreementTable", responses=binary_response("text/csv", "A table with names first"))
def get_agreement_table(project_id: int) -> Response:
    """How every two people compare on every image, as CSV."""
    response = Response(agreement.table(services(), current_actor(), project_id), mimetype="text/csv")
    name = f"limner-project-{project_id}-agreement.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get("/projects/<int:project_id>/overlap")
@requires(Permission.REVIEW)
@blueprint.output(ComparedImages)
@blueprint.doc(operation_id="listOverlap")
def list_overlap(project_id: int) -> ComparedImages:
    """Images on which several people work or worked: those to be settled first, and of these the most disputed."""
    found = agreement.images(services(), current_actor(), project_id)
    return ComparedImages(images=[ComparedImage.of(each) for each in found[:MOST_LISTED]], total=len(found))


@blueprint.get("/images/<int:image_id>/overlap")
@requires(Permission.REVIEW)
@blueprint.output(ComparedAnswers)
@blueprint.doc(operation_id="compareAnswers")
def compare_answers(image_id: int) -> ComparedAnswers:
    """What people made of an image independently, and what they agree on."""
    return ComparedAnswers.of(consensus.compare_answers(services(), current_actor(), image_id))


@blueprint.put("/images/<int:image_id>/overlap")
@requires(Permission.REVIEW)
@blueprint.input(Settlement)
@blueprint.output(Settled)
@blueprint.doc(operation_id="settleImage")
def settle_image(image_id: int, json_data: Settlement) -> Settled:
    """Say what is on an image on which several people worked: consensus, one person's masks, or some of each."""
    said = json_data
    revision = consensus.settle(
        services(),
        current_actor(),
        image_id,
        [each.to_choose() for each in said.masks],
        said.state,
        revision=said.revision,
        seen=[(each.copy_id, each.revision) for each in said.seen],
    )
    return Settled(revision=revision)
