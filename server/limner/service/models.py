"""Which model a project uses, and using another one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_image, access_project
from limner.encoding.states import Target
from limner.errors import InvalidInput, MissingWeights
from limner.jobs.model_change import cancel_model_change, start_model_change, switch_model
from limner.jobs.precompute import count_unencoded
from limner.models.catalogue import InstalledModel
from limner.models.in_use import UsedModel
from limner.service.wiring import Services
from limner.store.embeddings import EmbeddingKey
from limner.store.projects import models_of
from limner.store.tables import Job, Project
from limner.vocabulary.geometry import Region


@dataclass(frozen=True)
class ModelChange:
    """What became of the wish for another model.

    Attributes:
        used: what the project uses now.
        job: makes the embeddings of the new one, after which the project uses it; None when it does already.
    """

    used: UsedModel
    job: Job | None


@dataclass(frozen=True)
class WantedEmbedding:
    """What somebody asks for who opens an image.

    Attributes:
        target: the image, or a region of it, and the model.
        used: hash of the weights that the image's project uses now.
    """

    target: Target
    used: str


def find_wanted(
    context: Services, actor: Actor, image_id: int, region: Region | None, model_sha256: str | None
) -> WantedEmbedding:
    """Which embedding is meant by an image, a region of it, and a model; None: the one that its project uses.

    Raises:
        NotFound: there is no such image that the actor may see.
        InvalidInput: the region is none of this image.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        used = key_in(context, session, image.project_id).model_sha256
    if region is not None:
        region.check(image.height, image.width)
    return WantedEmbedding(Target(image.sha256, model_sha256 or used, region), used)


def key_of(context: Services, project: Project) -> EmbeddingKey:
    """Identifies the embeddings that a project uses."""
    return EmbeddingKey.of(context.models.used_by(project.model).weights_sha256)


def key_in(context: Services, session: Session, project_id: int) -> EmbeddingKey:
    """The same, of a project of this number."""
    wanted = models_of(session, [project_id]).get(project_id)
    return EmbeddingKey.of(context.models.used_by(wanted).weights_sha256)


def change_model(
    context: Services, actor: Actor, project_id: int, wanted: str | None, *, at_once: bool = False
) -> ModelChange:
    """Have a project use another model, once all of its images are encoded by it.

    Nobody waits: until then the project goes on with the model that it has. Where nothing is left to encode, it uses
    the new one at once. A change that is under way gives way to this one.

    Args:
        context: the services.
        actor: who wants that; needs the permission to manage the project.
        project_id: whose model.
        wanted: the name of an installed model; None for whatever the installation uses.
        at_once: use it now, though images will have to be encoded when somebody opens them.

    Raises:
        NotFound, Forbidden: as :func:`limner.access.access_project`.
        InvalidInput: there is no such model.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
    model = _find(context, wanted)
    key = EmbeddingKey.of(model.card.weights_sha256)
    with context.database.read() as session:
        counted = count_unencoded(session, project_id, key)
    job: Job | None = None
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        if at_once or counted[0] == 0 or key == key_of(context, project):
            cancel_model_change(session, project)
            switch_model(session, project, key, wanted, model.name)
        else:
            job = start_model_change(session, project, key, wanted, model.name, counted)
        used = context.models.used_by(project.model)
    context.encoder.look_again()
    return ModelChange(used, job)


def _find(context: Services, wanted: str | None) -> InstalledModel:
    try:
        return context.models.default if wanted is None else context.models.find(wanted)
    except MissingWeights as error:
        raise InvalidInput(error.message, hint=error.hint) from error
