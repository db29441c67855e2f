"""How the commands of ``limner bench`` tell what they measured."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file

if TYPE_CHECKING:
    from limner.bench.harness import Result


def finish(measured: Iterable[Result], json_path: Path | None) -> list[Result]:
    """Print every result as it comes and write the JSON document; then print the table."""
    from limner.bench.harness import report, table

    results = []
    with _warnings_only():
        for result in measured:
            click.echo(f"{result.case}: {result.subject} / {result.reference} = {result.ratio:.3f}", err=True)
            results.append(result)
            if json_path is not None:  # each time, so that a long run that is stopped was not for nothing
                write_file(json_path, (json.dumps(report(results), indent=2) + "\n").encode())
    click.echo(table(results))
    return results


@contextmanager
def _warnings_only() -> Iterator[None]:
    """No log lines below warnings: what is measured writes one for every image, between the figures."""
    import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)
