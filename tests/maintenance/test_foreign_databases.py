"""What lies where the database should be and is none of Limner's: said in one line that names it, and left as it is."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli import _one_line, cli
from limner.cli.backup import restore
from limner.config import Settings
from limner.errors import Conflict, InvalidFile, LimnerError, NotFound
from limner.maintenance import manifest as form
from limner.service.wiring import open_services
from limner.store import Database
from limner.store.migrate import NEWEST, installed_version, migrate
from tests.conftest import png_bytes
from tests.maintenance.load import run


def of_another_program(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(("CREATE TABLE notes (body)", *statements)))


def of_limner(path: Path, *statements: str) -> None:
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join((*statements, "PRAGMA journal_mode = DELETE")))


def numbered(version: str) -> str:
    return f"CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('{version}')"


ANOTHER, NEWER, NONE = "belongs to another program", "newer version of Limner", "cannot be opened"
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another program": (of_another_program, ANOTHER),
    "another program with projects": (lambda path: of_another_program(path, "CREATE TABLE projects (id)"), ANOTHER),
    "another program with Alembic": (lambda path: of_another_program(path, numbered("ae1027a6acf")), ANOTHER),
    "another program with our numbers": (lambda path: of_another_program(path, numbered("0001")), ANOTHER),
    "a history of another kind": (lambda path: of_another_program(path, "CREATE TABLE alembic_version (n)"), NONE),
    "a newer version": (lambda path: of_limner(path, "UPDATE alembic_version SET version_num = '9999_x'"), NEWER),
    "a picture": (lambda path: path.write_bytes(png_bytes()), NONE),
    "a text": (lambda path: path.write_text("SQLite is a library.\n" * 500), NONE),
    "a damaged header": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000), NONE),
    "a folder": (Path.mkdir, NONE),
}
COMMANDS: dict[str, list[str]] = {
    "backup": ["backup", "{tmp}/copy"],
    "check": ["check"],
    "sweep": ["sweep"],
    "project": ["project", "list"],
    "user": ["user", "list"],
    "audit": ["audit"],
}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"


@pytest.mark.parametrize("command", [*COMMANDS, "serve"])
@pytest.mark.parametrize("kind", FILES)
def test_it_is_named_in_one_line_and_left_as_it_is(settings: Settings, tmp_path: Path, kind: str, command: str) -> None:
    make, said = FILES[kind]
    file = settings.home / "limner.db"
    make(file)
    before = digest(file)
    if command == "serve":
        with pytest.raises(LimnerError) as raised:
            open_services(settings)
        line = _one_line(raised.value)
    else:
        arguments = [each.format(tmp=tmp_path) for each in COMMANDS[command]]
        result = CliRunner().invoke(cli, [*arguments, "--home", str(settings.home)])
        assert result.exit_code == 1
        assert isinstance(result.exception, LimnerError), result.output
        line = _one_line(result.exception)
    assert line is not None
    assert "\n" not in line
    assert "traceback" not in line.lower()
    if kind == "a folder" and command in ("backup", "check", "sweep"):
        assert "There is no database" in line
    else:
        assert str(file) in line
        assert said in line
    assert digest(file) == before
    assert [path.name for path in settings.home.glob("limner.db*")] == ["limner.db"], "also nothing beside it"
    assert not (tmp_path / "copy" / "backup.json").exists()


def test_a_new_file_without_anything_in_it_is_no_database_yet(settings: Settings, tmp_path: Path) -> None:
    """As a first start leaves it that was cut off: a server goes on with it, and there is nothing to copy or check."""
    file = settings.home / "limner.db"
    file.touch()
    for arguments in (["backup", str(tmp_path / "copy")], ["check"], ["sweep"]):
        result = CliRunner().invoke(cli, [*arguments, "--home", str(settings.home)])
        assert isinstance(result.exception, NotFound)
        assert f"{file} is empty" in str(result.exception)
    assert file.stat().st_size == 0
    result = CliRunner().invoke(cli, ["project", "create", "Cats", "--home", str(settings.home)])
    assert result.exit_code == 0, result.output
    database = Database(settings.resolved_database_url)
    assert installed_version(database) == NEWEST
    database.close()


def test_tables_of_an_extension_of_postgresql_are_nobodys_and_those_of_another_program_are_named(
    new_postgres_database: Callable[[], str],
) -> None:
    from sqlalchemy import text

    for table, fits in (("spatial_ref_sys", True), ("projects", False)):
        database = Database(new_postgres_database())
        with database.write() as session:
            session.execute(text(f"CREATE TABLE {table} (id integer)"))
        if fits:
            migrate(database)
            assert installed_version(database) == NEWEST
        else:
            with pytest.raises(Conflict, match=ANOTHER):
                migrate(database)
        database.close()


@pytest.mark.parametrize("kind", FILES)
def test_a_restore_puts_nothing_in_the_place_of_what_is_there(
    made: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "elsewhere.db"
    FILES[kind][0](file)
    before = digest(file)
    monkeypatch.setenv("LIMNER_DATABASE_URL", f"sqlite:///{file}")
    with pytest.raises(Conflict, match=f"{file} is not empty"):
        run(restore, made, "--home", tmp_path / "restored")
    assert digest(file) == before
    assert not (tmp_path / "restored").exists()
    assert not file.with_name("elsewhere.db-wal").exists()


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (of_another_program, Conflict, ANOTHER),
        (FILES["a newer version"][0], Conflict, NEWER),
        (Path.touch, InvalidFile, "is empty"),
    ],
    ids=["another program", "a newer version", "nothing"],
)
def test_a_backup_of_something_else_is_not_put_back(
    made: Path, tmp_path: Path, make: Callable[[Path], object], error: type[Exception], said: str
) -> None:
    """Whole by its digests: an earlier version copied whatever lay in the place of the database."""
    manifest = form.read_manifest(made)
    digests = form.read_digests(made, manifest)
    os.unlink(made / manifest.database)
    make(made / manifest.database)
    digests[manifest.database] = form.file_sha256(made / manifest.database)
    listed = form.write_digests(made / manifest.files, digests)
    form.write_manifest(made, manifest.model_copy(update={"files_sha256": listed}))
    with pytest.raises(error, match=said):
        run(restore, made, "--home", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
