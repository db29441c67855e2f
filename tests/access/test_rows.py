"""From an id to a row: through a check, in the same words for what is hidden and what is missing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from limner.access import (
    Actor,
    Credential,
    InstallationRole,
    Permission,
    access_annotation,
    access_category,
    access_comment,
    access_image,
    access_job,
    access_project,
    permissions_in,
)
from limner.access.permissions import PROJECT_ROLE_PERMISSIONS, ROLE_PERMISSIONS, ProjectRole
from limner.errors import Forbidden, NotFound
from limner.store import Database
from limner.store.categories import create_category
from limner.store.comments import About, begin_thread
from limner.store.images import NewImage, add_image, lock_image
from limner.store.jobs import create_job
from limner.store.operations import apply_operation
from limner.store.people import add_person, set_member
from limner.store.projects import create_project
from limner.vocabulary.operations import CreateOperation

ACTOR = Actor(1, "ada", InstallationRole.OWNER, Credential.TOKEN)
Access = Callable[..., Any]


@pytest.fixture
def rows(database: Database) -> dict[Access, int | str]:
    """A key of each kind of row, by the function that leads to it."""
    uid = uuid.uuid4()
    with database.write() as session:
        project = create_project(session, "Cats")
        category = create_category(session, project.id, "cat")
        image, _ = add_image(session, project.id, NewImage("0.png", 4, 2, "0" * 64, 100, "PNG", "image/png"))
        job = create_job(session, project.id, "precompute", 1, {})
        empty = {"size": (2, 4), "counts": "8"}
        creation = CreateOperation(kind="create", uid=uid, category_id=None, segmentation=empty)  # type: ignore[arg-type]
        apply_operation(session, lock_image(session, image.id), str(uuid.uuid4()), creation, revision=0, user_id=None)
        said = begin_thread(session, lock_image(session, image.id), str(uuid.uuid4()), "look", 1, About())
        return {
            access_comment: said.id,
            access_project: project.id,
            access_category: category.id,
            access_image: image.id,
            access_job: job.id,
            access_annotation: str(uid),
        }


def test_who_may_gets_the_row(database: Database, rows: dict[Access, int | str]) -> None:
    with database.read() as session:
        for access, key in rows.items():
            row = access(session, ACTOR, key, Permission.MANAGE_PROJECT)
            assert key in (row.id, getattr(row, "uid", None))


def test_hidden_and_missing_rows_are_answered_alike(
    database: Database, rows: dict[Access, int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.read() as session:
        for access, key in rows.items():
            with pytest.raises(NotFound) as missing:
                access(session, ACTOR, 10**9 if isinstance(key, int) else "nobody", Permission.VIEW)
            with monkeypatch.context() as patch:
                patch.setitem(ROLE_PERMISSIONS, InstallationRole.OWNER, frozenset())  # type: ignore[arg-type]
                with pytest.raises(NotFound) as hidden:
                    access(session, ACTOR, key, Permission.VIEW)
            assert hidden.value.message.replace(str(key), "KEY") == missing.value.message.replace(
                str(10**9), "KEY"
            ).replace("nobody", "KEY")
            assert (hidden.value.hint, hidden.value.details) == (missing.value.hint, missing.value.details)


def test_who_sees_a_row_but_may_not_change_it_is_told_which_permission_is_missing(
    database: Database, rows: dict[Access, int | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROLE_PERMISSIONS, InstallationRole.OWNER, frozenset({Permission.VIEW}))  # type: ignore[arg-type]
    with database.read() as session:
        for access, key in rows.items():
            access(session, ACTOR, key, Permission.VIEW)
            with pytest.raises(Forbidden, match="annotations:write") as refused:
                access(session, ACTOR, key, Permission.ANNOTATE)
            assert refused.value.details == {"permission": "annotations:write"}


@pytest.mark.parametrize("shares", [False, True])
def test_what_somebody_may_do_in_a_project_is_asked_for_in_one_statement(database: Database, shares: bool) -> None:
    with database.write() as session:
        project, other = create_project(session, "Cats"), create_project(session, "Dogs")
        project.shares_figures = other.shares_figures = shares
        ada = add_person(session, "Ada", "member")
        set_member(session, project.id, ada, ProjectRole.ANNOTATOR)
    actor = Actor(ada.id, "Ada", InstallationRole.MEMBER, Credential.TOKEN)
    asked: list[object] = []

    def note(*arguments: object) -> None:
        asked.append(arguments[2])

    with database.read() as session:
        event.listen(database.engine, "before_cursor_execute", note)
        try:
            granted = permissions_in(session, actor, project.id)
            assert len(asked) == 1
            elsewhere = permissions_in(session, actor, other.id)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
    of_role = ROLE_PERMISSIONS[InstallationRole.MEMBER] | PROJECT_ROLE_PERMISSIONS[ProjectRole.ANNOTATOR]
    assert granted == (of_role | {Permission.READ_FIGURES} if shares else of_role)
    assert elsewhere == ROLE_PERMISSIONS[InstallationRole.MEMBER]
