"""The verification grid: a sample of masks, their crops, what is judged of them, and how many are wrong."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import IMMUTABLE
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.verification import (
    CropQuery,
    ErrorRate,
    ErrorRateList,
    MaskSample,
    NewJudgement,
    RatesQuery,
    SampleQuery,
    VerifiedMask,
)
from limner.service import verification

blueprint = APIBlueprint("verification", __name__)


@blueprint.get("/projects/<int:project_id>/verification")
@requires(Permission.REVIEW)
@blueprint.input(SampleQuery, location="query")
@blueprint.output(MaskSample)
@blueprint.doc(operation_id="sampleMasks")
def sample_masks(project_id: int, query_data: SampleQuery) -> MaskSample:
    """A random sample of masks, with what was judged of each."""
    return MaskSample.of(verification.sample(services(), current_actor(), project_id, query_data.choice()))


@blueprint.put("/annotations/<uuid:uid>/verdict")
@requires(Permission.REVIEW)
@blueprint.input(NewJudgement)
@blueprint.output(VerifiedMask)
@blueprint.doc(operation_id="judgeMask")
def judge_mask(uid: UUID, json_data: NewJudgement) -> VerifiedMask:
    """Say that a mask is right or wrong, or take that back; refused when the mask was changed since it was seen."""
    said = json_data
    found = verification.judge(services(), current_actor(), str(uid), said.revision, said.verdict, tell=said.tell)
    return MaskSample.of(found).masks[0]


@blueprint.get("/annotations/<uuid:uid>/crop")
@requires(Permission.VIEW)
@blueprint.input(CropQuery, location="query")
@blueprint.doc(operation_id="getCrop", responses=binary_response("image/webp", "The mask on its part of the image"))
def get_crop(uid: UUID, query_data: CropQuery) -> Response:
    """A mask with its outline and some of the image around it, at most 256 pixels a side."""
    tag = f"{uid}-{query_data.revision}-crop"
    if request.if_none_match.contains(tag):
        verification.may_see(services(), current_actor(), str(uid))
        response = Response(status=304)
    else:
        picture = verification.crop(services(), current_actor(), str(uid), query_data.revision)
        response = Response(picture, mimetype="image/webp")
    response.set_etag(tag)
    response.headers["Cache-Control"] = IMMUTABLE
    return response


@blueprint.get("/projects/<int:project_id>/statistics/verification")
@requires(Permission.READ_STATISTICS)
@blueprint.input(RatesQuery, location="query")
@blueprint.output(ErrorRateList)
@blueprint.doc(operation_id="getErrorRates")
def get_error_rates(project_id: int, query_data: RatesQuery) -> ErrorRateList:
    """How masks were judged, by category or by who made them."""
    found = verification.figures(services(), current_actor(), project_id, query_data.by)
    return ErrorRateList(groups=[ErrorRate.of(each) for each in found])


@blueprint.get("/projects/<int:project_id>/statistics/verification.csv")
@requires(Permission.READ_STATISTICS)
@blueprint.doc(operation_id="getErrorRateTable", responses=binary_response("text/csv", "A table with names first"))
def get_error_rate_table(project_id: int) -> Response:
    """How masks were judged, by category and who made them, as CSV."""
    response = Response(verification.figures_table(services(), current_actor(), project_id), mimetype="text/csv")
    name = f"limner-project-{project_id}-verification.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
