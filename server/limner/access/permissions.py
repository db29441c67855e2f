"""Permissions, roles and scopes, and the tables that say which of them grants what. The docs print these tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class InstallationRole(StrEnum):
    """What somebody is in the whole installation."""

    OWNER = "owner"  # people, settings, all projects
    MEMBER = "member"  # the projects in which they have a role


class ProjectRole(StrEnum):
    """What somebody is in one project; each may do what the ones after it may."""

    MANAGER = "manager"
    REVIEWER = "reviewer"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class Permission(StrEnum):
    """Something that one may be allowed to do: in the installation, or in one project."""

    # in the installation
    READ_SERVER = "server:read"  # its state, its models and their graphs, and who one is there
    OWN_ACCOUNT = "account:own"  # one's own name, password, sessions and tokens
    READ_METRICS = "metrics:read"
    CREATE_PROJECT = "project:create"
    READ_AUDIT = "audit:read"  # who did what, in all projects
    MANAGE_PEOPLE = "people:manage"  # invite, roles in the installation, disable
    MANAGE_MODELS = "models:manage"  # have models fetched and installed on the server
    # in a project
    VIEW = "project:view"  # everything that is in it; without this the project does not exist for somebody
    ANNOTATE = "annotations:write"  # masks, and how far the work on an image is
    REVIEW = "annotations:review"  # approve images, and return them
    COMMENT = "comments:write"  # say something about an image, answer, resolve
    EXPORT = "annotations:export"
    IMPORT = "annotations:import"
    MANAGE_IMAGES = "images:manage"
    MANAGE_CATEGORIES = "categories:manage"
    RUN_JOBS = "jobs:run"
    ASSIGN = "images:assign"  # who is to work on which images
    READ_FIGURES = "figures:read"  # what each person did, in sums; one's own need no more than to see the project
    READ_STATISTICS = "statistics:read"  # all figures: also agreement, error rates, and the scores of each gold image
    MANAGE_WEBHOOKS = "webhooks:manage"
    MANAGE_MEMBERS = "members:manage"  # who has which role in it
    MANAGE_PROJECT = "project:manage"  # its name and its deletion


INSTALLATION_WIDE = frozenset(
    {
        Permission.READ_SERVER,
        Permission.OWN_ACCOUNT,
        Permission.READ_METRICS,
        Permission.CREATE_PROJECT,
        Permission.READ_AUDIT,
        Permission.MANAGE_PEOPLE,
        Permission.MANAGE_MODELS,
    }
)
IN_PROJECTS = frozenset(Permission) - INSTALLATION_WIDE

# What somebody may do in a project is the union of what their role in the installation and that in the project grant.
ROLE_PERMISSIONS: Mapping[InstallationRole, frozenset[Permission]] = {
    InstallationRole.OWNER: frozenset(Permission),
    InstallationRole.MEMBER: frozenset({Permission.READ_SERVER, Permission.OWN_ACCOUNT}),
}

PROJECT_ROLE_PERMISSIONS: Mapping[ProjectRole, frozenset[Permission]] = {
    ProjectRole.MANAGER: IN_PROJECTS,
    ProjectRole.REVIEWER: frozenset({Permission.VIEW, Permission.ANNOTATE, Permission.COMMENT, Permission.REVIEW}),
    ProjectRole.ANNOTATOR: frozenset({Permission.VIEW, Permission.ANNOTATE, Permission.COMMENT}),
    ProjectRole.VIEWER: frozenset({Permission.VIEW}),
}

# What a project that says so (``Project.shares_figures``) grants beyond that to each role that may annotate in it.
OF_SHARED_FIGURES = frozenset({Permission.READ_FIGURES})


class Scope(StrEnum):
    """What a token may be used for, at most: never more than the person it belongs to may do."""

    ALL = "all"
    READ = "read"
    ANNOTATE = "annotate"
    EXCHANGE = "exchange"
    MANAGE = "manage"
    METRICS = "metrics"


_READING = frozenset({Permission.READ_SERVER, Permission.VIEW})

SCOPE_PERMISSIONS: Mapping[Scope, frozenset[Permission]] = {
    Scope.ALL: frozenset(Permission),
    Scope.READ: _READING | {Permission.READ_FIGURES, Permission.READ_STATISTICS},
    Scope.ANNOTATE: _READING | {Permission.ANNOTATE, Permission.COMMENT, Permission.REVIEW},
    Scope.EXCHANGE: _READING | {Permission.EXPORT, Permission.IMPORT, Permission.MANAGE_IMAGES},
    Scope.MANAGE: _READING | IN_PROJECTS | {Permission.CREATE_PROJECT},
    Scope.METRICS: frozenset({Permission.READ_METRICS}),
}
