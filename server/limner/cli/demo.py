"""``limner demo``: the server with a project of photos to try it on."""

from __future__ import annotations

import hashlib
import multiprocessing
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click

from limner import open_files
from limner.cli.home import settings_from
from limner.cli.serve import announce, serve_options
from limner.config import Settings
from limner.models.catalogue import find_model
from limner.startup import made_to_stay

if TYPE_CHECKING:
    from limner.service.wiring import Services

PROJECT = "Demo"
CATEGORIES = ("animal", "person", "vehicle", "food", "thing")
# What scikit-image carries in its package, under names that say what is to be seen.
PHOTOS = {
    "coffee.png": "coffee.png",
    "cat.png": "chelsea.png",
    "astronaut.png": "astronaut.png",
    "motorcycle.png": "motorcycle_left.png",
    "rocket.jpg": "rocket.jpg",
    "coins.png": "coins.png",
    "photographer.png": "camera.png",
    "horse.png": "horse.png",
    "retina.jpg": "retina.jpg",
    "tissue.png": "ihc.png",
    "galaxies.jpg": "hubble_deep_field.jpg",
    "moon.png": "moon.png",
}


@click.command()
@serve_options
def demo(**options: Any) -> None:
    """Start Limner with a project of demo photos."""
    with made_to_stay():
        from limner.api.serving.run import run_server

    open_files.require()
    settings = settings_from(options)
    find_model(settings.model, settings.home)
    _in_a_process_of_its_own(settings)
    run_server(settings, announce)


def _in_a_process_of_its_own(settings: Settings) -> None:
    """Seed in a fresh process: the blob store's threads, once started here, would not survive the server's fork."""
    process = multiprocessing.get_context("spawn").Process(target=seed, args=(settings,))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def seed(settings: Settings) -> None:
    """Make the demo project unless this home has projects already.

    Raises:
        MissingWeights: the model is not installed.
    """
    from limner.service.wiring import open_services

    services = open_services(settings)  # the encoder is not started: nothing is encoded here
    try:
        _fill(services)
    finally:
        services.database.close()


def _fill(services: Services) -> None:
    from limner.service.accounts import local_actor
    from limner.service.images import add_image
    from limner.service.projects import NewCategory, create_project, list_projects

    actor = local_actor(services.database)
    if list_projects(services, actor):
        return
    project_id = create_project(services, actor, PROJECT, [NewCategory(name) for name in CATEGORIES]).row.id
    photos = files("skimage.data")
    for name, source in PHOTOS.items():
        read = (photos / source).read_bytes
        add_image(services, actor, project_id, name, read, hashlib.sha256(read()).hexdigest())
