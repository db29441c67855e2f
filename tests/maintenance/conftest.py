"""The application of the API's tests, filled, and a backup of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from limner.maintenance.backup import back_up
from limner.service.wiring import Services
from tests.api.conftest import (
    HEIGHT,
    WIDTH,
    Upload,
    app,
    client_folder,
    creation,
    kind_of_database,
    project,
    script,
    services,
    upload,
)
from tests.conftest import png_bytes

__all__ = ["app", "client_folder", "kind_of_database", "project", "script", "services", "upload"]


@pytest.fixture
def filled(services: Services, upload: Upload, script: FlaskClient) -> Services:
    """A home with two images, a mask and a key."""
    for seed in range(2):
        image = upload(png_bytes(HEIGHT, WIDTH, seed), f"{seed}.png")["image"]
    headers = {"If-Match": '"0"'}
    assert script.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers=headers).status_code == 200
    return services


@pytest.fixture
def made(filled: Services, tmp_path: Path) -> Path:
    """A backup of it."""
    folder = tmp_path / "backup"
    back_up(filled.database, filled.blobs, filled.settings.home, folder)
    return folder
