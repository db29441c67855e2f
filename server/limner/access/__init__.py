"""Who may do what: the one way from an id to a row for everything that acts on somebody's behalf."""

from limner.access.actor import Actor, Credential, actor_of_session, actor_of_token
from limner.access.permissions import InstallationRole, Permission, ProjectRole, Scope
from limner.access.rows import (
    access_annotation,
    access_category,
    access_comment,
    access_image,
    access_job,
    access_learning_run,
    access_project,
    access_snapshot,
    is_still_allowed,
    knows_gold,
    may_annotate,
    permissions_in,
    permissions_on,
    require,
    visible_projects,
)

__all__ = [
    "Actor",
    "Credential",
    "InstallationRole",
    "Permission",
    "ProjectRole",
    "Scope",
    "access_annotation",
    "access_category",
    "access_comment",
    "access_image",
    "access_job",
    "access_learning_run",
    "access_project",
    "access_snapshot",
    "actor_of_session",
    "actor_of_token",
    "is_still_allowed",
    "knows_gold",
    "may_annotate",
    "permissions_in",
    "permissions_on",
    "require",
    "visible_projects",
]
