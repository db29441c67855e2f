"""``limner train``: train Samlet as a TOML file says."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "path", type=click.Path(path_type=Path), required=True, help="TOML file that says everything."
)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the output folder.")
@click.option("--plot", is_flag=True, help="Only draw the curves of the run so far, as curves.png beside its log.")
def train(path: Path, resume: bool, plot: bool) -> None:
    """Train or fine-tune a model."""
    from limner.train.config import read_config
    from limner.train.curves import draw_curves
    from limner.train.launch import launch
    from limner.train.loop import LOG, WEIGHTS

    output = read_config(path).run.output
    if plot:
        draw_curves(output / LOG, output / "curves.png")
        click.echo(f"Drew {output / 'curves.png'}.")
        return
    launch(path, resume)
    click.echo(f"Wrote {output / WEIGHTS}.")
