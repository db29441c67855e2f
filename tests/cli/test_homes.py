"""A home that is not there: commands say so, and only those that begin something make one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli import cli
from limner.errors import NotFound

# What reads or changes what a home has.
NEEDS_A_HOME = {
    "project list": "project list",
    "project import": "project import cats {file}",
    "project export": "project export cats --out {folder}/out.json",
    "project tags": "project tags cats",
    "project trash": "project trash cats",
    "project diff": "project diff cats before",
    "project model": "project model cats",
    "project snapshot": "project snapshot cats",
    "user list": "user list",
    "user link": "user link",
    "user role": "user role ada member",
    "user disable": "user disable ada",
    "user enable": "user enable ada",
    "user sign-out": "user sign-out ada",
    "user bring-in": "user bring-in {file}",
    "user token list": "user token list",
    "user token revoke": "user token revoke ci",
    "audit": "audit",
    "learning list": "learning list cats",
    "learning run": "learning run cats",
    "learning cancel": "learning cancel 1",
    "suggest everything": "suggest everything cats",
    "suggest rank": "suggest rank cats",
    "backup": "backup {folder}/copy",
    "check": "check",
    "sweep": "sweep",
}
BEGINS_A_HOME = {
    "project create": "project create cats",
    "user create": "user create ada",
    "user invite": "user invite",
    "user token create": "user token create ci",
}


@pytest.mark.parametrize("command", NEEDS_A_HOME.values(), ids=list(NEEDS_A_HOME))
def test_a_home_that_is_not_there_is_named_and_none_is_made(command: str, tmp_path: Path) -> None:
    mistyped = tmp_path / "hme"
    file = tmp_path / "file.json"
    file.write_text("{}")
    words = command.format(file=file, folder=tmp_path).split()
    result = CliRunner().invoke(cli, [*words, "--home", str(mistyped)])
    assert isinstance(result.exception, NotFound), result.output
    assert str(mistyped) in str(result.exception)
    assert "--home" in str(result.exception)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("command", BEGINS_A_HOME.values(), ids=list(BEGINS_A_HOME))
def test_what_creates_something_begins_a_home(command: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = CliRunner().invoke(cli, [*command.split(), "--home", str(home)])
    assert result.exit_code == 0, result.output
    assert (home / "limner.db").is_file()


def test_an_import_names_a_project_that_is_not_there_before_it_reads_the_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    broken = tmp_path / "broken.json"
    broken.write_text("no annotations")
    assert CliRunner().invoke(cli, ["project", "create", "cats", "--home", str(home)]).exit_code == 0
    result = CliRunner().invoke(cli, ["project", "import", "dogs", str(broken), "--home", str(home)])
    assert isinstance(result.exception, NotFound)
    assert "There is no project 'dogs'. There are: 1 'cats'" in str(result.exception)
