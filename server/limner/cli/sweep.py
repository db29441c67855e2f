"""``limner sweep``: remove what is stored of images that were deleted."""

from __future__ import annotations

from pathlib import Path

import click

from limner.cli.serve import settings_from


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of all that is stored.")
def sweep(home: Path | None) -> None:
    """Remove files of images that no project has had for a day. The server does so by itself; it may run beside this.

    Also looks through all files for those that a killed import has left behind; they are removed a day later.
    """
    from limner.blobs import BlobStore
    from limner.jobs.encoding import new_holder
    from limner.jobs.sweep import find_unreferenced
    from limner.jobs.sweep import sweep as remove_due
    from limner.maintenance.database import open_existing

    settings = settings_from({"home": home})
    with open_existing(settings) as database:
        blobs = BlobStore(settings.resolved_blob_url)
        found = find_unreferenced(database, blobs)
        removed = remove_due(database, blobs, new_holder())
    click.echo(f"{removed} images removed; {found} more found that no project has: they go in a day.")
