"""The ``limner`` command. Each subcommand lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from limner import __version__, open_files
from limner.errors import LimnerError, StorageFull, is_disk_full
from limner.startup import made_to_stay

COMMANDS = {
    "annotate": ("limner.cli.annotate:annotate", "Make masks of the boxes of a detector or of label files."),
    "audit": ("limner.cli.audit:audit", "Print who did what, as CSV."),
    "backup": ("limner.cli.backup:backup", "Copy all that is stored, while the server runs."),
    "bench": ("limner.cli.bench:bench", "Measure what Limner does, against named references in the same run."),
    "check": ("limner.cli.check:check", "Look for missing and damaged files, and mend them."),
    "demo": ("limner.cli.demo:demo", "Start Limner with a project of demo photos."),
    "detector": ("limner.cli.detector:detector", "Train detectors on the masks of a project, and list them."),
    "edges": ("limner.cli.edges:edges", "Draw the edges of images, from masks."),
    "evaluate": ("limner.cli.evaluate:evaluate", "Measure a model's masks by simulated clicks."),
    "everything": ("limner.cli.everything:everything", "Find all masks of an image or of a folder."),
    "finetune": ("limner.cli.finetune:finetune", "Adapt a model to masks of your own."),
    "learning": ("limner.cli.learning:learning", "Train a project's model on its masks, and use the result."),
    "models": ("limner.cli.models:models", "List, pull, add, export, compare and promote models."),
    "oidc": ("limner.cli.oidc:oidc", "Check the providers with which people sign in."),
    "openapi": ("limner.cli.openapi:openapi", "Print the API's OpenAPI description."),
    "project": ("limner.cli.project:project", "Create, fill and export projects."),
    "restore": ("limner.cli.backup:restore", "Put a backup into an empty home."),
    "proposals": ("limner.cli.proposals:proposals", "Propose masks of objects and measure their recall."),
    "segment": ("limner.cli.segment:segment", "Segment one image from points, a box or a mask."),
    "serve": ("limner.cli.serve:serve", "Start the server."),
    "suggest": ("limner.cli.suggest:suggest", "Have masks suggested for the images of a project."),
    "sweep": ("limner.cli.sweep:sweep", "Remove files of images that were deleted."),
    "trace": ("limner.cli.trace:trace", "Print the way of one image, from the logs of all processes."),
    "train": ("limner.cli.train:train", "Train or fine-tune a model."),
    "worker": ("limner.cli.worker:worker", "Encode for web processes on this machine or others."),
    "user": ("limner.cli.user:user", "Manage people and tokens."),
}


WITH_THE_ENCODER = ("onnx", "onnxruntime", "torch")  # what a server without encoder does without


_RESTORE = "Restore a backup (docs/backup.md)."
_SQLITE_HINTS = {
    5: "Another process writes for a long time; try again when it is through.",  # SQLITE_BUSY
    8: "Have it and its folder belong to the user who starts Limner.",  # READONLY
    10: "Look after the disk.",  # IOERR
    11: _RESTORE,  # CORRUPT
    13: "Free some disk space and try again.",  # FULL
    14: "See that its folder is there and can be written.",  # CANTOPEN
    26: _RESTORE,  # NOTADB
}  # by the primary result code of SQLite


class LazyGroup(click.Group):
    """A group that knows its commands by name, so that ``limner --help`` never imports torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None: there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        return load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``limner --help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(COMMANDS.items())])


def load(name: str) -> click.Command:
    """Import the module behind one command."""
    module, attribute = COMMANDS[name][0].split(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="limner")
def cli() -> None:
    """Segment images in the browser with the Segment Anything Model."""


def main() -> None:
    """Entry point: errors that Limner raises on purpose become one readable line and exit status 1.

    So do those of the system, such as a folder without permission, and settings that cannot be used.
    """
    try:
        with made_to_stay():
            for name in sys.argv[1:2]:
                if name in COMMANDS:
                    load(name)
        cli.main(prog_name="limner", standalone_mode=True)
    except ModuleNotFoundError as error:
        if error.name not in WITH_THE_ENCODER:
            raise
        click.echo(f"limner: this command needs {error.name}, which is not installed here.", err=True)
        click.echo("Install `limner` instead of `limner-server`, or `limner-server[encoder]`.", err=True)
        sys.exit(1)
    except Exception as error:
        line = _one_line(error)
        if line is None:
            raise
        click.echo(f"limner: {line}", err=True)
        sys.exit(1)


def _one_line(error: Exception) -> str | None:
    """What to tell a person; None for what is a fault of ours."""
    if isinstance(error, LimnerError):
        return str(error)
    if open_files.ran_out(error):
        return open_files.message()
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, OSError) and is_disk_full(error):
        return str(StorageFull.of(error))
    if (database := _of_the_database(error)) is not None:
        return database
    if type(error).__name__ == "ValidationError" and getattr(error, "title", "") == "Settings":
        from pydantic import ValidationError

        assert isinstance(error, ValidationError)
        problem = error.errors(include_url=False)[0]
        name = "_".join(map(str, problem["loc"])).upper()
        return f"LIMNER_{name}={problem['input']} cannot be used: {problem['msg']}."
    return None


def _of_the_database(error: Exception) -> str | None:
    """What keeps SQLite from reading or writing its file, or PostgreSQL from answering; None for any other error."""
    import sqlite3

    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        hint = _SQLITE_HINTS.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        return None if hint is None else f"The database cannot be used: {cause}. {hint}"
    if type(cause).__module__.startswith("psycopg") and type(cause).__name__ == "OperationalError":
        first = str(cause).strip().partition("\n")[0]
        return f"The database does not answer: {first}. See that it runs, and that LIMNER_DATABASE_URL is right."
    return None
