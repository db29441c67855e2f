"""Suggestions on one image: read, asked for, cancelled; and the detectors that can be asked.

Taking and refusing a suggestion are operations on the image.
"""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.suggestions import (
    Detector,
    DetectorList,
    SuggestionList,
    SuggestionRequest,
    TextThreshold,
    TextThresholdList,
)
from limner.service import suggestions

blueprint = APIBlueprint("suggestions", __name__)


@blueprint.get("/images/<int:image_id>/suggestions")
@requires(Permission.VIEW)
@blueprint.output(SuggestionList)
@blueprint.doc(operation_id="listSuggestions")
def list_suggestions(image_id: int) -> SuggestionList:
    """What is suggested for an image, best first, and whether more is being looked for."""
    return SuggestionList.of(suggestions.list_suggestions(services(), current_actor(), image_id))


@blueprint.post("/images/<int:image_id>/suggestions")
@requires(Permission.ANNOTATE)
@blueprint.input(SuggestionRequest)
@blueprint.output(SuggestionList, status_code=202)
@blueprint.doc(operation_id="requestSuggestions")
def request_suggestions(image_id: int, json_data: SuggestionRequest) -> SuggestionList:
    """Have masks looked for; events `suggestions` say how it goes on. New ones replace open ones of the same origin."""
    found = suggestions.request_suggestions(services(), current_actor(), image_id, json_data.request)
    return SuggestionList.of(found)


@blueprint.post("/images/<int:image_id>/suggestions/cancel")
@requires(Permission.ANNOTATE)
@blueprint.doc(operation_id="cancelSuggestions", responses={204: "Cancelled"})
def cancel_suggestions(image_id: int) -> Response:
    """Stop looking for what was asked for; the suggestions that there are stay."""
    suggestions.cancel_suggestions(services(), current_actor(), image_id)
    return Response(status=204)


@blueprint.get("/projects/<int:project_id>/detectors")
@requires(Permission.VIEW)
@blueprint.output(DetectorList)
@blueprint.doc(operation_id="listDetectors")
def list_detectors(project_id: int) -> DetectorList:
    """The detectors that a project can use with its model."""
    found = suggestions.list_detectors(services(), current_actor(), project_id)
    return DetectorList(detectors=[Detector.of(card) for card in found])


@blueprint.get("/projects/<int:project_id>/text-thresholds")
@requires(Permission.VIEW)
@blueprint.output(TextThresholdList)
@blueprint.doc(operation_id="listTextThresholds")
def list_thresholds(project_id: int) -> TextThresholdList:
    """From which score on boxes of text detectors are suggested, by category, learned from what people decided."""
    found = suggestions.list_thresholds(services(), current_actor(), project_id)
    return TextThresholdList(thresholds=[TextThreshold.of(each) for each in found])
