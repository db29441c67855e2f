"""Annotations of an image, and the operations that change them."""

from __future__ import annotations

import re

from apiflask import APIBlueprint
from flask import Response, request

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import IF_MATCH
from limner.api.schemas.annotations import AnnotationList, OperationRequest, OperationResult
from limner.api.schemas.base import Answer
from limner.api.schemas.history import HistoryQuery, ImageHistory
from limner.api.schemas.undo import UndoSteps
from limner.errors import RevisionRequired, StaleRevision
from limner.service import annotating, history, undo

blueprint = APIBlueprint("annotations", __name__)

REVISION_TAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


@blueprint.get("/images/<int:image_id>/annotations")
@requires(Permission.VIEW)
@blueprint.output(AnnotationList)
@blueprint.doc(operation_id="listAnnotations")
def list_annotations(image_id: int) -> Response:
    """The annotations of an image; the ETag is the revision to send with the next operation."""
    found = annotating.list_annotations(services(), current_actor(), image_id)
    return _tagged(AnnotationList.of(found), found.revision)


@blueprint.get("/images/<int:image_id>/history")
@requires(Permission.VIEW)
@blueprint.input(HistoryQuery, location="query")
@blueprint.output(ImageHistory)
@blueprint.doc(operation_id="listHistory")
def list_history(image_id: int, query_data: HistoryQuery) -> ImageHistory:
    """Who changed what of an image, or of one annotation, and when; newest first, each with how it stood then."""
    query = query_data
    uid = None if query.uid is None else str(query.uid)
    return ImageHistory.of(history.list_changes(services(), current_actor(), image_id, uid, query.before, query.limit))


@blueprint.get("/images/<int:image_id>/steps")
@requires(Permission.VIEW)
@blueprint.output(UndoSteps)
@blueprint.doc(operation_id="listOwnSteps")
def list_steps(image_id: int) -> Response:
    """What you did to an image in any browser, and can take back or do again, step by step."""
    found = undo.list_own_steps(services(), current_actor(), image_id)
    # A field that an update left alone is left out, others are there.
    return Response(UndoSteps.of(found).model_dump_json(exclude_unset=True), mimetype="application/json")


@blueprint.post("/images/<int:image_id>/operations")
@requires(Permission.ANNOTATE)
@blueprint.input(OperationRequest)
@blueprint.output(OperationResult)
@blueprint.doc(operation_id="applyOperation", extensions={"parameters": [IF_MATCH]})
def apply(image_id: int, json_data: OperationRequest) -> Response:
    """Apply one operation, exactly once however often it is sent."""
    revision = _required_revision(request.headers.get("If-Match"))
    operation_id, operation = str(json_data.operation_id), json_data.operation
    try:
        applied = annotating.apply_operation(services(), current_actor(), image_id, operation_id, operation, revision)
    except StaleRevision as error:
        current = annotating.list_annotations(services(), current_actor(), image_id)
        error.details["current"] = AnnotationList.of(current).to_json()
        raise
    return _tagged(OperationResult.of(applied), applied.revision)


def _required_revision(header: str | None) -> int:
    match = REVISION_TAG.fullmatch(header.strip()) if header else None
    if match is None:
        raise RevisionRequired(
            "The operation does not say which revision of the image it is based on."
            if header is None
            else f"If-Match: {header} is not a revision.",
            hint='Send the revision of the annotations in the header If-Match, in quotes, such as "12".',
        )
    return int(match[1])


def _tagged(body: Answer, revision: int) -> Response:
    response = Response(body.model_dump_json(), mimetype="application/json")
    response.set_etag(str(revision))
    return response
