"""The command table: every entry leads to a command, and asking for help stays cheap."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys

import click
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from limner.cli import COMMANDS, _one_line, cli


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_and_documented(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help, f"limner {name} has no help text"


def test_help_imports_neither_torch_nor_the_server() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom limner.cli import cli\n"
        "result = CliRunner().invoke(cli, ['--help'])\nassert result.exit_code == 0 and 'segment' in result.output\n"
        "assert not {'torch', 'flask', 'sqlalchemy', 'cv2'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_our_own_errors_are_one_line_and_exit_1() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "limner", "segment", "no-such-image.jpg", "--point", "1,1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode in (1, 2)
    assert "no-such-image.jpg" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("through_sqlalchemy", [False, True])
def test_a_full_database_is_one_line_and_a_fault_of_ours_is_none(through_sqlalchemy: bool) -> None:
    raw, ours = sqlite3.connect(":memory:"), create_engine("sqlite://").connect()

    def execute(statement: str) -> None:
        if through_sqlalchemy:
            ours.execute(text(statement))
        else:
            raw.execute(statement)

    def error_of(statement: str) -> Exception:
        with pytest.raises((sqlite3.Error, DBAPIError)) as raised:
            execute(statement)
        return raised.value

    execute("PRAGMA max_page_count = 3")
    execute("CREATE TABLE t (x)")
    full = error_of("INSERT INTO t VALUES (zeroblob(100000))")
    said = "The database cannot be used: database or disk is full. Free some disk space and try again."
    assert _one_line(full) == said
    assert _one_line(error_of("SELECT nothing FROM nowhere")) is None
    raw.close()
    ours.close()


def test_errors_of_the_system_are_one_line_with_or_without_a_file() -> None:
    assert _one_line(OSError(errno.EACCES, "Permission denied", "/x")) == "/x: Permission denied."
    assert "no space left" in str(_one_line(OSError(errno.ENOSPC, "No space left on device")))
    assert _one_line(OSError("ours")) is None
    assert _one_line(RuntimeError("ours")) is None
