"""``limner sweep``: remove what is stored of images that were deleted."""

from __future__ import annotations

from pathlib import Path

import click

from limner.cli.home import settings_from
from limner.vocabulary.counted import counted


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of all that is stored.")
def sweep(home: Path | None) -> None:
    """Remove files of images that no project has had for a day. The server does so by itself; it may run beside this.

    Where LIMNER_MAX_EMBEDDING_BYTES limits them, removes embeddings that are too many, those used longest ago first.

    Also looks through all files for those that a killed import has left behind; they are removed a day later.
    """
    from limner.blobs import BlobStore
    from limner.jobs.embedding_cap import EmbeddingCap
    from limner.jobs.encoding import new_holder
    from limner.jobs.sweep import find_unreferenced
    from limner.jobs.sweep import sweep as remove_due
    from limner.maintenance.database import open_existing

    settings = settings_from({"home": home})
    with open_existing(settings) as database:
        blobs = BlobStore(settings.resolved_blob_url)
        found = find_unreferenced(database, blobs)
        removed = remove_due(database, blobs, new_holder())
        embeddings = EmbeddingCap(database, blobs, settings.max_embedding_bytes).enforce()
    click.echo(f"{counted(removed, 'image')} removed; {found} more that no project has, to be removed in a day.")
    if settings.max_embedding_bytes:
        click.echo(
            f"{counted(embeddings, 'embedding')} over the limit removed, to be made again when somebody needs them."
        )
