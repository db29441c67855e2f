"""Who may do what: the one way from an id to a row for everything that acts on somebody's behalf."""

from limner.access.actor import Actor, Credential
from limner.access.permissions import InstallationRole, Permission
from limner.access.rows import (
    access_annotation,
    access_category,
    access_image,
    access_job,
    access_project,
    require,
    visible_projects,
)

__all__ = [
    "Actor",
    "Credential",
    "InstallationRole",
    "Permission",
    "access_annotation",
    "access_category",
    "access_image",
    "access_job",
    "access_project",
    "require",
    "visible_projects",
]
