import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from limner.jobs.statistics import count_changes
from limner.store import Database
from limner.store.folders import folders_of
from limner.store.images import add_image, delete_image, lock_image
from limner.store.installation import installation_id
from limner.store.marks import marks_of
from limner.store.migrate import NEWEST, SCRIPTS, migrate, migrating
from limner.store.operations import apply_operation
from limner.store.recount import images_hold, sums_hold
from limner.store.rollup import uncounted
from limner.store.statistics import Judged, effort, judged
from limner.store.tables import Base, FolderSize, Image, ImageRollup, Job, Membership, User
from limner.store.trash import put_in_trash, restore
from tests.store.conftest import World, create, new_image
from tests.store.test_verification import counted, drawn, recounted, say


def test_the_migrations_make_exactly_the_declared_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_are_migrated_too(database: Database) -> None:
    """Alembic does not compare CHECK constraints, so this does."""
    inspector = inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        declared = {c.name for c in table.constraints if c.__class__.__name__ == "CheckConstraint"}
        assert {c["name"] for c in inspector.get_check_constraints(table.name)} == declared


def test_values_are_held_by_the_database(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(
            text(
                "INSERT INTO users (name, role, created, storage_key) VALUES ('eve', 'admin', CURRENT_TIMESTAMP, 'eve')"
            )
        )


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate(database)
    heads = ScriptDirectory(str(SCRIPTS)).get_heads()
    assert heads == [NEWEST]
    with database.read() as session:
        assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == heads


def test_a_start_that_finds_nothing_to_do_neither_writes_nor_loads_what_migrates(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'limner.db'}"
    migrate(Database(url))
    script = f"""
import sys
from limner.store import Database
from limner.store.migrate import migrate
database = Database({url!r})
with database.write():  # somebody else writes all the while
    migrate(Database({url!r}))
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_an_installation_keeps_its_id_and_no_other_has_it(database: Database, tmp_path: Path) -> None:
    with database.read() as session:
        first = installation_id(session)
    migrate(database)  # as every start does
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    migrate(other)
    with database.read() as session, other.read() as elsewhere:
        assert installation_id(session) == first
        assert installation_id(elsewhere) != first
    other.close()


def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(4)]
    start = threading.Barrier(len(databases))

    def run(database: Database) -> None:
        start.wait()
        migrate(database)

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(run, databases))
    with databases[0].read() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    for database in databases:
        database.close()


def test_a_migration_that_is_cut_off_leaves_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    database = Database(database_url)
    create: Callable[..., object] = op.create_table

    def stop_midway(name: str, *args: object, **kwargs: object) -> object:
        if name == "annotations":
            raise KeyboardInterrupt
        return create(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", stop_midway)
        with pytest.raises(KeyboardInterrupt):
            migrate(database)
    assert inspect(database.engine).get_table_names() == []
    migrate(database)
    assert "annotations" in inspect(database.engine).get_table_names()
    database.close()


def test_down_and_up_again(database: Database) -> None:
    _migrate_to(database, "base", down=True)
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    migrate(database)
    assert "annotations" in inspect(database.engine).get_table_names()


def test_marks_from_before_users_were_kept_by_id_name_the_same_people(database_url: str) -> None:
    """Rows as version 0003 wrote them: by the edit where it is known, else by the name."""
    database = Database(database_url)
    _migrate_to(database, "0003")
    moment, digest = "'2026-01-01 00:00:00+00:00'", "0" * 63
    with database.write() as session:
        for statement in (
            f"INSERT INTO users (id, name, role, created) VALUES (7, 'ada', 'admin', {moment})",
            f"INSERT INTO users (id, name, role, created) VALUES (8, 'eve', 'admin', {moment})",
            f"INSERT INTO projects (id, name, created) VALUES (1, 'Cats', {moment})",
        ):
            session.execute(text(statement))
        for number, (state, by) in enumerate([("submitted", "ada"), ("skipped", "eve"), ("waiting", None)]):
            session.execute(
                text(
                    "INSERT INTO images (id, project_id, file_name, width, height, sha256, bytes, format, display_type,"
                    " created, revision, annotation_count, state, state_note, state_by, state_changed) VALUES"
                    f" ({number}, 1, 'x.png', 4, 2, '{digest}{number}', 10, 'PNG', 'image/png', {moment}, 1, 0,"
                    f" '{state}', '', :by, {moment})"
                ),
                {"by": by},
            )
        session.execute(
            text(
                "INSERT INTO edits (image_id, operation_id, body_sha256, revision, kind, uid, payload, user_id,"
                f" created) VALUES (0, 'o', '{digest}0', 1, 'mark', 'u', '{{}}', 7, {moment})"
            )
        )
    migrate(database)
    with database.read() as session:
        images = session.scalars(select(Image).order_by(Image.id)).all()
        assert [image.state_user_id for image in images] == [7, 8, None]
        assert [mark.by for mark in marks_of(session, images).values()] == ["ada", "eve", None]
    _migrate_to(database, "0003", down=True)
    with database.read() as session:
        assert list(session.scalars(text("SELECT state_by FROM images ORDER BY id"))) == ["ada", "eve", None]
    database.close()


def test_names_become_distinct_and_categories_numbered_when_an_older_database_is_opened(database: Database) -> None:
    _migrate_to(database, "0004", down=True)
    with database.write() as connection:
        now = "'2026-01-01 00:00:00+00:00'"
        for project in (1, 2):
            connection.execute(text(f"INSERT INTO projects (name, created) VALUES ('p', {now})"))
            for name in ("b", "cafe\u0301", "caf\u00e9"):
                connection.execute(
                    text(
                        "INSERT INTO categories (project_id, name, supercategory, color, position)"
                        " VALUES (:project, :name, '', '#000000', 0)"
                    ),
                    {"project": project, "name": name},
                )
            for index, name in enumerate(("a.png", "a-2.png", "a.png", "e\u0301.png", "\u00e9.png")):
                connection.execute(
                    text(
                        "INSERT INTO images (project_id, file_name, width, height, sha256, bytes, format,"
                        f" display_type, created, revision, annotation_count)"
                        " VALUES (:project, :name, 1, 1, :sha, 1, 'PNG', 'image/png',"
                        f" {now}, 0, 0)"
                    ),
                    {"project": project, "name": name, "sha": f"{index:064x}"},
                )
    migrate(database)
    with database.read() as session:
        categories = session.execute(text("SELECT project_id, name, number FROM categories ORDER BY id")).all()
        images = session.execute(text("SELECT project_id, file_name, pages FROM images ORDER BY id")).all()
        counted = session.execute(text("SELECT last_category_number FROM projects ORDER BY id")).scalars().all()
    for project in (1, 2):
        assert [row[1:] for row in categories if row[0] == project] == [
            ("b", 1),
            ("caf\u00e9", 2),
            ("caf\u00e9 (2)", 3),
        ]
        assert [row[1:] for row in images if row[0] == project] == [
            (name, 1) for name in ("a.png", "a-2.png", "a-3.png", "\u00e9.png", "\u00e9-2.png")
        ]
    assert counted == [3, 3]


def test_jobs_of_the_version_before_items_go_on(database_url: str) -> None:
    database = Database(database_url)
    _migrate_to(database, "0003")
    with database.write() as session:
        session.execute(text("INSERT INTO projects (id, name, created) VALUES (1, 'Cats', CURRENT_TIMESTAMP)"))
        for number, state in enumerate(["running", "done", "running"], start=1):
            session.execute(
                text(
                    "INSERT INTO jobs (id, project_id, kind, state, done, total, failed, message, created, updated)"
                    " VALUES (:id, 1, 'precompute', :state, 6, 10, 1, '', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
                ),
                {"id": number, "state": state},
            )
        session.execute(text("DELETE FROM jobs WHERE id = 3"))
        if not database.is_sqlite:
            session.execute(text("SELECT setval('jobs_id_seq', 3)"))
    migrate(database)
    with database.write() as session:
        jobs = session.scalars(select(Job).order_by(Job.id)).all()
        assert [(job.state, job.done, job.failed, job.total, job.cursor, job.payload) for job in jobs] == [
            ("running", 0, 0, 4, 0, {}),
            ("done", 6, 1, 10, 0, {}),
        ]
        new = Job(project_id=1, kind="precompute", state="running")
        session.add(new)
        session.flush()
        assert new.id == 4  # numbers of deleted jobs are not given again
    database.close()


def test_the_administrator_of_before_becomes_an_owner_and_keeps_everything(database: Database) -> None:
    """The table of users is built anew; nothing that refers to its rows goes with the old one."""
    _migrate_to(database, "0008_suggestions", down=True)
    moment, digest = "'2026-01-01 00:00:00+00:00'", "0" * 64
    with database.write() as session:
        for statement in (
            f"INSERT INTO users (id, name, role, created) VALUES (3, 'admin', 'admin', {moment})",
            f"INSERT INTO sessions (id_sha256, user_id, created, expires) VALUES ('{digest}', 3, {moment}, {moment})",
            f"INSERT INTO api_tokens (user_id, name, token_sha256, created) VALUES (3, 't', '{digest}', {moment})",
            "INSERT INTO login_links (user_id, token_sha256, created, expires)"
            f" VALUES (3, '{digest}', {moment}, {moment})",
        ):
            session.execute(text(statement))
    migrate(database)
    with database.read() as session:
        (user,) = session.scalars(select(User)).all()
        assert (user.id, user.name, user.role, user.storage_key) == (3, "admin", "owner", "admin")
        assert (user.password_hash, user.disabled) == (None, None)
        assert [
            session.scalar(text(f"SELECT user_id FROM {t}")) for t in ("sessions", "api_tokens", "login_links")
        ] == [3] * 3
        assert session.scalar(text("SELECT scopes FROM api_tokens")) == "all"
    if database.is_sqlite:  # foreign keys are held again on the connections that migrated
        with pytest.raises(IntegrityError), database.write() as session:
            session.execute(text("UPDATE sessions SET user_id = 99"))
    _migrate_to(database, "0008_suggestions", down=True)
    with database.read() as session:
        assert session.execute(text("SELECT id, name, role FROM users")).all() == [(3, "admin", "admin")]
        assert [
            session.scalar(text(f"SELECT user_id FROM {t}")) for t in ("sessions", "api_tokens", "login_links")
        ] == [3] * 3


def test_roles_in_projects_from_before_claims_gave_some_are_peoples_own(database: Database) -> None:
    """SQLite makes the table anew."""
    _migrate_to(database, "0029_expected_clicks", down=True)
    with database.write() as session:
        moment = "'2026-01-01 00:00:00+00:00'"
        session.execute(
            text(
                f"INSERT INTO users (id, name, role, created, storage_key) VALUES (3, 'Ada', 'member', {moment}, 'ada')"
            )
        )
        session.execute(text(f"INSERT INTO projects (id, name, created) VALUES (5, 'Cats', {moment})"))
        session.execute(text(f"INSERT INTO memberships VALUES (5, 3, 'reviewer', {moment})"))
    for _ in range(2):
        migrate(database)
        with database.read() as session:
            (row,) = session.scalars(select(Membership)).all()
            assert (row.project_id, row.user_id, row.role, row.identity_id) == (5, 3, "reviewer", None)
        _migrate_to(database, "0029_expected_clicks", down=True)


def test_images_that_were_sent_back_are_returned_ones(world: World) -> None:
    _migrate_to(world.database, "0010_project_model", down=True)
    with world.database.write() as session:
        session.execute(text("UPDATE images SET state_changed = CURRENT_TIMESTAMP, state_note = 'the tail'"))
    migrate(world.database)
    with world.database.read() as session:
        image = session.scalars(select(Image)).one()
        assert (image.state, image.state_note) == ("returned", "the tail")
    with pytest.raises(IntegrityError), world.database.write() as session:
        session.execute(text("UPDATE images SET state = 'lost'"))
    _migrate_to(world.database, "0010_project_model", down=True)
    with world.database.read() as session:
        assert session.scalar(text("SELECT state FROM images")) == "waiting"


def test_what_was_judged_before_judgements_were_rolled_up_is_counted_and_nothing_twice(world: World) -> None:
    """Also what changes its figures later; what is in the trash is counted when it comes back."""
    first, second = drawn(world), drawn(world)
    say(world, first, "wrong")
    with world.database.write() as session:
        image, _ = add_image(session, world.project_id, new_image(1))
        uid, locked = str(uuid.uuid4()), lock_image(session, image.id)
        apply_operation(session, locked, str(uuid.uuid4()), create(uid), revision=None, user_id=None)
    say(world, uid, "right")
    count_changes(world.database)
    with world.database.write() as session:
        put_in_trash(session, lock_image(session, image.id), 1)
    before = counted(world)
    _migrate_to(world.database, "0031_lists_for_review", down=True)
    migrate(world.database)
    with world.database.read() as session:
        assert judged(session, world.project_id) == []
        assert uncounted(session, world.project_id) == 1
        masks = effort(session, world.project_id, "person")
    assert counted(world) == recounted(world) == before != []
    with world.database.read() as session:
        assert effort(session, world.project_id, "person") == masks
    say(world, first, None)
    say(world, second, "right")
    with world.database.write() as session:
        restore(session, world.project_id, image.id)
    assert counted(world) == recounted(world) == [Judged(0, 0, 1, 0, 0), Judged(world.category_id, 0, 1, 0, 0)]


def _migrate_to(database: Database, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with migrating(database) as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def test_sizes_of_projects_are_added_up_from_what_was_counted(world: World) -> None:
    world.apply(create("00000000-0000-4000-8000-000000000001", world.category_id), 0)
    with world.database.write() as session:
        for index, state in enumerate(("approved", "returned", "waiting"), start=1):
            image, _ = add_image(session, world.project_id, new_image(index))
            session.flush()
            image.state = state
    count_changes(world.database)

    def sizes() -> list[tuple[int, ...]]:
        with world.database.read() as session:
            return [tuple(row) for row in session.execute(text("SELECT * FROM project_sizes"))]

    before = sizes()
    assert before == [(world.project_id, 4, 1, 1, 0, 0, 1, 1, None, None)]
    _migrate_to(world.database, "0031_lists_for_review", down=True)
    migrate(world.database)
    assert sizes() == before


def test_folders_are_added_up_from_what_was_counted_and_taken_out_once(world: World) -> None:
    database = world.database
    with database.write() as session:
        for index, name in enumerate(("a/1.png", "a/é_%/2.png", "a/3.png", "a/4.png", "5.png"), start=1):
            add_image(session, world.project_id, replace(new_image(index), file_name=name))
    count_changes(database)

    def sums() -> list[tuple[str, int]]:
        with database.read() as session:
            return [(row.path, row.images) for row in session.scalars(select(FolderSize).order_by(FolderSize.path))]

    def folders() -> dict[str, int]:
        with database.read() as session:
            return dict(folders_of(session, world.project_id, 9))

    _migrate_to(database, "0033_project_sizes", down=True)
    with database.write() as session:
        kept = session.scalars(select(ImageRollup)).all()
        assert not any("folders" in each.counted for each in kept)
        by_name = {image.file_name: image for image in session.scalars(select(Image))}
        put_in_trash(session, lock_image(session, by_name["a/3.png"].id), 1)
        delete_image(session, lock_image(session, by_name["a/4.png"].id))
    migrate(database)
    assert folders() == {"a": 1, "a/é_%": 1}
    assert sums() == [("a", 2), ("a/é_%", 1)], "what is in the trash is taken out by who counts"
    count_changes(database)
    assert sums() == [("a", 1), ("a/é_%", 1)]
    assert folders() == {"a": 1, "a/é_%": 1}
    with database.write() as session:
        restore(session, world.project_id, by_name["a/3.png"].id)
    count_changes(database)
    assert sums() == [("a", 2), ("a/é_%", 1)]
    with database.read() as session:
        assert sums_hold(session, world.project_id)
        assert images_hold(session, world.project_id, 0, 100) == (True, by_name["5.png"].id)
