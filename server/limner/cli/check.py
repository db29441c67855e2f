"""``limner check``: is all that was stored there and whole?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from limner.cli.home import settings_from
from limner.vocabulary.counted import counted

OF_NO_IMAGE = {"snapshots": "a snapshot", "sums": "the figures of a project"}  # by the beginning of a finding's key


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of all that is stored.")
@click.option("--thorough", is_flag=True, help="Decode every picture whole.")
@click.option("--mend", is_flag=True, help="Make again what can be made again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding.")
def check(home: Path | None, thorough: bool, mend: bool, as_json: bool) -> None:
    """Look for missing and damaged files, and for wrong sums; exit status 1 when some are left.

    A server may run beside it.
    """
    from limner.blobs import BlobStore
    from limner.maintenance.check import check as run_check
    from limner.maintenance.database import open_existing

    settings = settings_from({"home": home})
    left = images = 0

    def count(number: int) -> None:
        nonlocal images
        images = number

    with open_existing(settings) as database:
        found = run_check(
            database,
            BlobStore(settings.resolved_blob_url),
            thorough=thorough,
            mend=mend,
            max_pixels=settings.max_pixels,
            progress=count,
        )
        for finding in found:
            left += not finding.mended
            if as_json:
                click.echo(json.dumps(finding.__dict__))
            else:
                kind = finding.key.split("/")[0]
                names = ", ".join(f"{name} (image {number})" for number, name in finding.images) or (
                    OF_NO_IMAGE.get(kind, "no image any more")
                )
                click.echo(f"{finding.key}: {finding.fault}{', mended' if finding.mended else ''}; of {names}")
    click.echo(f"{counted(images, 'image')} looked at, {counted(left, 'fault')} left.", err=True)
    if left:
        if not mend:
            click.echo("Run `limner check --mend`; upload originals that are gone again.", err=True)
        sys.exit(1)
