"""``limner openapi``: the API's description, from which the web client's types are generated."""

from __future__ import annotations

import json

import click

from limner.api.app import api_description


@click.command()
def openapi() -> None:
    """Print the API's OpenAPI 3.1 description as JSON."""
    click.echo(json.dumps(api_description(), indent=2, sort_keys=True))
