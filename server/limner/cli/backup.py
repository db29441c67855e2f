"""``limner backup`` and ``limner restore``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from limner.cli.home import settings_from
from limner.vocabulary.counted import counted

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
HOME = click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of all that is stored.")
SHOWN = 20  # missing blobs that are named


@click.command()
@FOLDER
@HOME
def backup(folder: Path, home: Path | None) -> None:
    """Copy database, images, embeddings and models into FOLDER; the server may go on.

    A FOLDER that holds an earlier backup is renewed: only what is new is copied, and until that is complete the earlier
    one counts. Exit status 1 when files are missing or damaged that the database names; all others are in the backup.
    """
    from limner.blobs import BlobStore
    from limner.maintenance.backup import back_up
    from limner.maintenance.database import open_existing

    settings = settings_from({"home": home})
    with open_existing(settings, as_it_is=True) as database:
        report = back_up(database, BlobStore(settings.resolved_blob_url), settings.home, folder.absolute())
    megabytes = report.bytes / 1e6
    click.echo(f"{counted(report.blobs, 'file')} in {folder}, {report.copied} of them new; {megabytes:.1f} MB copied.")
    for key in report.missing[:SHOWN]:
        click.echo(f"{key}: missing or damaged, not in the backup", err=True)
    if report.missing:
        click.echo(f"{counted(len(report.missing), 'file')} missing or damaged: run `limner check --mend`.", err=True)
        sys.exit(1)


@click.command()
@FOLDER
@HOME
@click.option("--check", "only_check", is_flag=True, help="Only read the backup and see that it is whole.")
def restore(folder: Path, home: Path | None, only_check: bool) -> None:
    """Put the backup in FOLDER into a home that is empty or not there yet: all of it, or nothing.

    With LIMNER_BLOB_URL the images go there, into a folder, bucket or prefix that is empty too.
    """
    from limner.maintenance.restore import restore as put_back
    from limner.maintenance.restore import verify

    folder = folder.absolute()
    if only_check:
        manifest, digests = verify(folder)
        click.echo(f"The backup of {manifest.created:%Y-%m-%d %H:%M} UTC is whole: {counted(len(digests), 'file')}.")
    else:
        settings = settings_from({"home": home})
        manifest = put_back(folder, settings)
        click.echo(f"{settings.home} is as it was on {manifest.created:%Y-%m-%d at %H:%M} UTC.")
        if settings.blob_url:
            click.echo(f"Its images are in {settings.blob_url}.")
    if manifest.missing:
        click.echo(f"{counted(len(manifest.missing), 'file')} missing already when it was made.", err=True)
