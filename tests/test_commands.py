"""The command table: every entry leads to a command, and asking for help stays cheap."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from limner.cli import COMMANDS, cli


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
