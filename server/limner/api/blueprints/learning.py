"""Learning runs of a project, and the versions of its model that come of them."""

from __future__ import annotations

from apiflask import APIBlueprint

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.learning import LearningRun, LearningRunList, LearningStages, UseVersion
from limner.api.schemas.projects import ModelChange, ProjectModel
from limner.api.schemas.server import Job
from limner.service import learning
from limner.service import models as in_projects
from limner.vocabulary.learning import Recipe

blueprint = APIBlueprint("learning", __name__)


@blueprint.get("/projects/<int:project_id>/learning")
@requires(Permission.VIEW)
@blueprint.output(LearningRunList)
@blueprint.doc(operation_id="listLearningRuns")
def list_runs(project_id: int) -> LearningRunList:
    """The newest learning runs of a project: those that are done are versions of its model, or detectors."""
    found = learning.list_all(services(), current_actor(), project_id)
    return LearningRunList(runs=[LearningRun.model_validate(each) for each in found])


@blueprint.post("/projects/<int:project_id>/learning")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(Recipe)
@blueprint.output(LearningRun, status_code=201)
@blueprint.doc(operation_id="beginLearning")
def begin(project_id: int, json_data: Recipe) -> LearningRun:
    """Train a new version of the project's model, or a detector, on a snapshot of its masks that is taken now."""
    return LearningRun.model_validate(learning.begin(services(), current_actor(), project_id, json_data))


@blueprint.get("/projects/<int:project_id>/learning/stages")
@requires(Permission.READ_STATISTICS)
@blueprint.output(LearningStages)
@blueprint.doc(operation_id="getLearningStages")
def get_stages(project_id: int) -> LearningStages:
    """What the stages of the work gave: images drawn by hand, partly suggested, suggested and verified."""
    return LearningStages.model_validate(learning.stages(services(), current_actor(), project_id))


@blueprint.post("/projects/<int:project_id>/learning/rollback")
@requires(Permission.MANAGE_PROJECT)
@blueprint.output(ModelChange)
@blueprint.doc(operation_id="rollBackModel")
def roll_back(project_id: int) -> ModelChange:
    """Have a project use the model again that its version was made from."""
    return _change(learning.roll_back(services(), current_actor(), project_id))


@blueprint.post("/learning/<int:run_id>/<any(cancel, resume):action>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.output(LearningRun)
@blueprint.doc(operation_id="actOnLearningRun")
def act_on_run(run_id: int, action: str) -> LearningRun:
    """Cancel a run, or have one that was cancelled or has failed go on from its last checkpoint."""
    return LearningRun.model_validate(learning.act(services(), current_actor(), run_id, action))


@blueprint.post("/learning/<int:run_id>/use")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(UseVersion)
@blueprint.output(ModelChange)
@blueprint.doc(operation_id="useVersion")
def use_version(run_id: int, json_data: UseVersion) -> ModelChange:
    """Have the project use the model that came of a run, once a job has encoded its images by it.

    Answers 409 `not_better` when it is not shown to be better on images that are held out, unless that is known.
    """
    return _change(learning.use(services(), current_actor(), run_id, knowingly=json_data.knowingly))


def _change(change: in_projects.ModelChange) -> ModelChange:
    return ModelChange(model=ProjectModel.of(change.used), job=change.job and Job.model_validate(change.job))
