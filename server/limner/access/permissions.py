"""Permissions, roles, and the one table that says which role grants what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class InstallationRole(StrEnum):
    """What somebody is in the whole installation."""

    ADMIN = "admin"


class Permission(StrEnum):
    """Something that one may be allowed to do: in the installation, or in one project."""

    # in the installation
    OWN_ACCOUNT = "account:own"  # one's own name and sign-in
    READ_SERVER = "server:read"  # its state, its models and their graphs
    READ_METRICS = "metrics:read"
    CREATE_PROJECT = "project:create"
    # in a project
    VIEW = "project:view"  # everything that is in it; without this the project does not exist for somebody
    MANAGE_PROJECT = "project:manage"  # its name and its deletion
    MANAGE_IMAGES = "images:manage"
    MANAGE_CATEGORIES = "categories:manage"
    ANNOTATE = "annotations:write"  # masks, and how far the work on an image is
    IMPORT = "annotations:import"
    EXPORT = "annotations:export"
    RUN_JOBS = "jobs:run"


INSTALLATION_WIDE = frozenset(
    {Permission.OWN_ACCOUNT, Permission.READ_SERVER, Permission.READ_METRICS, Permission.CREATE_PROJECT}
)

# Roles in a project become further rows; what somebody may do there is the union of the rows of all their roles.
ROLE_PERMISSIONS: Mapping[InstallationRole, frozenset[Permission]] = {
    InstallationRole.ADMIN: frozenset(Permission),
}
