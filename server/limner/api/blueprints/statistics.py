"""Figures of the work in a project; one address for each question, and tables as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.statistics import (
    Effort,
    EffortList,
    EffortQuery,
    GoldFigures,
    GoldSummary,
    OwnStatistics,
    Progress,
    Reviews,
    ReviewsList,
)
from limner.service import gold, statistics

blueprint = APIBlueprint("statistics", __name__)

TABLE = binary_response("text/csv", "A table with a line of names first")


@blueprint.get("/projects/<int:project_id>/statistics/progress")
@requires(Permission.VIEW)
@blueprint.output(Progress)
@blueprint.doc(operation_id="getProgress")
def get_progress(project_id: int) -> Progress:
    """How many images were in each state, day by day, and when the last one will be done."""
    return Progress.of(statistics.progress(services(), current_actor(), project_id))


@blueprint.get("/projects/<int:project_id>/statistics/effort")
@requires(Permission.READ_FIGURES)
@blueprint.input(EffortQuery, location="query")
@blueprint.output(EffortList)
@blueprint.doc(operation_id="getEffort")
def get_effort(project_id: int, query_data: EffortQuery) -> EffortList:
    """Masks, time and clicks by category, person, model or day."""
    found = statistics.effort(services(), current_actor(), project_id, query_data.by, query_data.person)
    return EffortList(groups=[Effort.of(each) for each in found])


@blueprint.get("/projects/<int:project_id>/statistics/reviews")
@requires(Permission.READ_FIGURES)
@blueprint.output(ReviewsList)
@blueprint.doc(operation_id="getReviews")
def get_reviews(project_id: int) -> ReviewsList:
    """What became of the images that each person submitted."""
    found = statistics.reviews(services(), current_actor(), project_id)
    return ReviewsList(people=[Reviews.of(each) for each in found])


@blueprint.get("/projects/<int:project_id>/statistics/own")
@requires(Permission.VIEW)
@blueprint.output(OwnStatistics)
@blueprint.doc(operation_id="getOwnStatistics")
def get_own(project_id: int) -> OwnStatistics:
    """What one did oneself."""
    context, actor = services(), current_actor()
    return OwnStatistics.of(statistics.own(context, actor, project_id), gold.own(context, actor, project_id))


@blueprint.get("/projects/<int:project_id>/statistics/gold")
@requires(Permission.READ_FIGURES)
@blueprint.output(GoldSummary)
@blueprint.doc(operation_id="getGold")
def get_gold(project_id: int) -> GoldSummary:
    """How each person's work on gold images compares with the references."""
    found = gold.summary(services(), current_actor(), project_id)
    return GoldSummary(images=found.images, people=[GoldFigures.of(each) for each in found.people])


@blueprint.get("/projects/<int:project_id>/statistics/gold.csv")
@requires(Permission.READ_STATISTICS)
@blueprint.doc(operation_id="getGoldTable", responses=TABLE)
def get_gold_table(project_id: int) -> Response:
    """Every score of work on a gold image, as CSV."""
    return _table(gold.table(services(), current_actor(), project_id), project_id, "gold")


@blueprint.get("/projects/<int:project_id>/statistics/progress.csv")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getProgressTable", responses=TABLE)
def get_progress_table(project_id: int) -> Response:
    """Images in each state, day by day, as CSV."""
    return _table(statistics.progress_table(services(), current_actor(), project_id), project_id, "progress")


@blueprint.get("/projects/<int:project_id>/statistics/effort.csv")
@requires(Permission.READ_FIGURES)
@blueprint.doc(operation_id="getEffortTable", responses=TABLE)
def get_effort_table(project_id: int) -> Response:
    """Masks, time and clicks by day, category, person and model, as CSV."""
    table = statistics.effort_table(services(), current_actor(), project_id, mine=False)
    return _table(table, project_id, "effort")


@blueprint.get("/projects/<int:project_id>/statistics/own.csv")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getOwnTable", responses=TABLE)
def get_own_table(project_id: int) -> Response:
    """One's own masks, time and clicks by day, category and model, as CSV."""
    return _table(statistics.effort_table(services(), current_actor(), project_id, mine=True), project_id, "own")


def _table(lines: Iterator[str], project_id: int, name: str) -> Response:
    response = Response(lines, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="limner-project-{project_id}-{name}.csv"'
    return response
