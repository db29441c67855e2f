"""A project of small pictures with masks, made with the command line as a person would."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from limner.cli import cli
from tests.train.helpers import write_photo


def run(*arguments: str) -> str:
    """What a command printed; it must succeed."""
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def project_of_squares(folder: Path, images: int) -> Path:
    """A new home with the project "squares": so many images with two masks each, none of them encoded."""
    for number in range(images):
        write_photo(folder / "files", f"p{number}", shade=number)
    home = folder / "squares"
    run("project", "create", "squares", "--home", str(home))
    run("project", "import", "squares", str(folder / "files"), "--home", str(home))
    return home
