"""A list costs as many statements for many rows as for few: none asks the database again for each of its rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from limner.jobs.kinds import Priority, encode_kind
from limner.service.wiring import Services
from limner.store import comments
from limner.store.accounts import ensure_local_admin
from limner.store.annotations import mask_facts
from limner.store.categories import create_category
from limner.store.comments import About, begin_thread
from limner.store.copies import copy_for
from limner.store.embeddings import EmbeddingKey
from limner.store.exhaustivity import say
from limner.store.images import NewImage, add_image, lock_image
from limner.store.operations import apply_operation
from limner.store.projects import create_project
from limner.store.tables import (
    ApiToken,
    AuditEntry,
    GoldScore,
    Invitation,
    Job,
    JobItem,
    LearningRun,
    LoginSession,
    Membership,
    OverlapAnswer,
    OverlapPair,
    ProviderIdentity,
    Snapshot,
    Suggestion,
    User,
    Webhook,
)
from limner.store.tags import add_tag
from limner.store.trash import put_in_trash
from limner.store.types import utc_now
from limner.store.webhooks import create_webhook, deliver, find_webhook
from limner.vocabulary.operations import CreateOperation, MarkOperation, Segmentation
from limner.vocabulary.rle import Rle
from tests.api.conftest import creation, mask_rle

FEW, MANY = 5, 50
TOMORROW = utc_now() + timedelta(days=1)
MASK = Segmentation.model_validate(mask_rle())
# Lists that are read from files, are as long as the model makes them, or are put together from a history read at once.
NOT_OF_ROWS = {
    "compareSnapshots",
    "previewExport",
    "listOwnSteps",
    "listDetectors",
    "listTextThresholds",
    "listModels",
    "listSignInProviders",
    "getManifest",
    "getSession",
    "getProgress",
    "getEffort",
    "getReviews",
    "getOwnStatistics",
    "getLearningStages",
    "getErrorRates",
    "getAgreement",
    "compareAnswers",
}
NOT_ROWS = {"permissions"}  # fields of a fixed length


@pytest.fixture
def ids(project: dict[str, Any], image: dict[str, Any], services: Services) -> Mapping[str, int]:
    """Whose lists are asked for: a project, its first image, a job of it."""
    with services.database.write() as session:
        session.add(job := _job(project["id"]))
        session.flush()
        hook = create_webhook(session, project["id"], "https://example.org/", ["image.approved"], None)
        return {"project_id": project["id"], "image_id": image["id"], "job_id": job.id, "webhook_id": hook.id}


def _job(project_id: int) -> Job:
    job = Job(project_id=project_id, kind="precompute", state="done", total=1, done=1, failed=0, message="")
    job.cursor, job.payload = 0, {}
    return job


def _invitation(token_sha256: str, project_id: int | None) -> Invitation:
    return Invitation(
        token_sha256=token_sha256,
        role="member",
        project_id=project_id,
        project_role=None if project_id is None else "annotator",
        note="for somebody",
        expires=TOMORROW,
    )


def _snapshot(project_id: int, name: str, sha256: str) -> Snapshot:
    return Snapshot(project_id=project_id, name=name, sha256=sha256, bytes=9, images=0, annotations=0, user_id=1)


def _learning_run(project_id: int, user_id: int) -> LearningRun:
    run = LearningRun(project_id=project_id, kind="model", state="cancelled", recipe={"kind": "model"}, user_id=user_id)
    run.snapshot, run.snapshot_sha256, run.parent, run.parent_sha256 = "then", "0" * 64, "samlet", "1" * 64
    run.figures, run.progress = {}, {}
    return run


def _suggestion(image_id: int) -> Suggestion:
    facts = mask_facts(Rle(size=list(MASK.size), counts=MASK.counts))
    x, y, width, height = facts.bbox
    return Suggestion(
        uid=str(uuid.uuid4()),
        image_id=image_id,
        counts=MASK.counts,
        area=facts.area,
        bbox_x=x,
        bbox_y=y,
        bbox_width=width,
        bbox_height=height,
        score=0.5,
        origin="everything",
        model_sha256="0" * 64,
        prompt={},
        state="open",
    )


def _gold_score(copy_id: int, project_id: int, user_id: int) -> GoldScore:
    return GoldScore(
        copy_id=copy_id,
        project_id=project_id,
        user_id=user_id,
        revision=1,
        matched=1,
        missed=0,
        extra=0,
        mask_iou=0.9,
        boundary_iou=0.8,
        categories=[[1, 1]],
    )


def _overlap(project_id: int, image_id: int, copies: tuple[int, int]) -> list[OverlapAnswer | OverlapPair]:
    first, second = copies
    pair = OverlapPair(first_id=first, second_id=second, image_id=image_id, project_id=project_id)
    pair.first_user_id, pair.second_user_id = 1, 2
    pair.matches, pair.only_first, pair.only_second = [[1, 2, 0.9, 0.8, 1, 1]], [1], []
    answers = [OverlapAnswer(copy_id=copy, image_id=image_id, user_id=1, revision=1) for copy in copies]
    return [*answers, pair]


def _audit_entry(user_id: int, project_id: int) -> AuditEntry:
    return AuditEntry(
        user_id=user_id,
        credential="session",
        key="0" * 16,
        request_id="",
        action="project.change",
        target="project",
        target_id=project_id,
        project_id=project_id,
        details={},
    )


def fill(services: Services, ids: Mapping[str, int], numbers: range) -> None:
    """Add one row of each kind that is listed for each number, each with what belongs to it."""
    with services.database.write() as session:
        for number in numbers:
            other = create_project(session, f"Project {number}")
            create_category(session, other.id, "cat")
            category = create_category(session, ids["project_id"], f"Category {number}")
            session.add(user := User(name=f"user {number}", role="member", storage_key=f"user {number}"))
            session.flush()
            say(session, ids["image_id"], category.id, user.id, exhaustive=True)
            sha256 = f"{number:064x}"
            owner = ensure_local_admin(session)
            session.add(Membership(project_id=ids["project_id"], user_id=user.id, role="annotator"))
            session.add(ApiToken(user_id=owner.id, name=f"token {number}", token_sha256=sha256))
            session.add(LoginSession(id_sha256=sha256, user_id=owner.id, expires=TOMORROW))
            session.add(ProviderIdentity(user_id=owner.id, issuer="https://id.example", subject=sha256, shown_as="x"))
            for place, project_id in enumerate((ids["project_id"], None)):
                session.add(_invitation(f"{2 * number + place:064x}", project_id))
            new = NewImage(f"folder {number}/{number}.png", 64, 48, sha256, 100, "PNG", "image/png")
            image, _ = add_image(session, ids["project_id"], new)
            mark = MarkOperation(kind="mark", uid=uuid.uuid4(), state="submitted")
            apply_operation(session, image, str(uuid.uuid4()), mark, revision=None, user_id=user.id)
            create = CreateOperation(kind="create", uid=uuid.uuid4(), category_id=None, segmentation=MASK)
            first = lock_image(session, ids["image_id"])
            apply_operation(session, first, str(uuid.uuid4()), create, revision=None, user_id=user.id)
            doomed = NewImage(f"deleted {number}.png", 64, 48, f"{number + 1000:064x}", 100, "PNG", "image/png")
            put_in_trash(session, add_image(session, ids["project_id"], doomed)[0], user.id)
            copy = copy_for(session, image, user.id)
            session.add(_gold_score(copy.id, ids["project_id"], user.id))
            image.overlap = "ready"
            session.add_all(_overlap(ids["project_id"], image.id, (copy.id, copy_for(session, image, owner.id).id)))
            thread = begin_thread(session, first, str(uuid.uuid4()), "look", user.id, About())
            comments.answer(session, first, thread, str(uuid.uuid4()), "where?", owner.id)
            add_tag(session, first.id, f"tag {number}")
            session.add(_audit_entry(user.id, ids["project_id"]))
            session.add(_job(ids["project_id"]))
            session.add(_learning_run(ids["project_id"], user.id))
            hook = find_webhook(session, ids["project_id"], ids["webhook_id"])
            deliver(session, hook, "test", {})
            session.add(Webhook(project_id=hook.project_id, url=hook.url, events=hook.events, secret=hook.secret))
            session.add(_suggestion(ids["image_id"]))
            session.add(_snapshot(ids["project_id"], f"snapshot {number}", sha256))
            session.add(
                JobItem(
                    job_id=ids["job_id"],
                    kind=encode_kind(EmbeddingKey.of("a" * 64)),
                    key=sha256,
                    priority=int(Priority.BULK),
                    state="failed",
                    not_before=utc_now(),
                    message="It is ugly.",
                )
            )


@contextmanager
def statements(services: Services) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engines = (services.database.engine, services.database.writing)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def lists_of(app: APIFlask) -> dict[str, tuple[str, list[str]]]:
    """Operation -> its path and the fields of its answer that are lists; of all that can be got."""
    with app.app_context():
        spec: Any = app.spec
    found = {}
    for path, operations in spec["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get("200", {})
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        fields = spec["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {}).get("properties", {})
        lists = [name for name, field in fields.items() if field.get("type") == "array" and name not in NOT_ROWS]
        if lists and operations["get"]["operationId"] not in NOT_OF_ROWS:
            found[operations["get"]["operationId"]] = (path, lists)
    return found


def test_no_list_asks_again_for_each_of_its_rows(
    app: APIFlask, script: FlaskClient, services: Services, ids: Mapping[str, int]
) -> None:
    routes = lists_of(app)
    assert {"listProjects", "getProject", "listImages", "listAnnotations", "listJobs", "listJobFailures"} <= set(routes)
    costs: dict[str, list[int]] = {}
    for numbers in (range(FEW), range(FEW, MANY)):
        fill(services, ids, numbers)
        for operation, (path, fields) in routes.items():
            with statements(services) as asked:
                answer = script.get(path.format(**ids))
            assert answer.status_code == 200, (operation, answer.json)
            for field in fields:
                assert len(answer.json[field]) >= numbers.stop, f"fill() adds too little to {field} of {operation}"
            costs.setdefault(operation, []).append(len(asked))
    assert {operation: many for operation, (_, many) in costs.items()} == {
        operation: few for operation, (few, _) in costs.items()
    }


def test_a_save_asks_for_nothing_twice_and_as_much_on_the_hundredth_object_as_on_the_first(
    script: FlaskClient, services: Services, image: dict[str, Any]
) -> None:
    costs = []
    for revision in range(100):
        with statements(services) as asked:
            answer = script.post(
                f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": f'"{revision}"'}
            )
        assert answer.status_code == 200, answer.json
        costs.append(asked)
    reads = [each for each in costs[1] if each.startswith("SELECT")]
    tables = [each.partition("FROM ")[2].split()[0] for each in reads]
    # The image twice: its size before the lock, how it is now under the lock. Roles are asked for with both.
    # What is known of the operation, its annotation and its category comes with the highest position.
    assert tables == ["users", "memberships", "images", "memberships", "annotations"]
    writes = [each.split("(")[0].split(" SET")[0].strip() for each in costs[1] if not each.startswith("SELECT")]
    assert writes == ["INSERT INTO annotations", "INSERT INTO edits", "UPDATE images", "INSERT INTO events"]
    assert {len(asked) for asked in costs[1:]} == {len(costs[1])} == {9}


def test_statements_are_counted(services: Services, project: dict[str, Any]) -> None:
    with statements(services) as asked:
        for _ in range(3):
            with services.database.read() as session:
                session.execute(select(User.id)).all()
    assert len([each for each in asked if each.startswith("SELECT")]) == 3
