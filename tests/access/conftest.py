"""The application of the API's tests, on both databases; and as two processes that share one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from limner.api.app import create_app
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from tests.api.conftest import (
    FAKE_WORKER,
    anonymous,
    app,
    client_folder,
    image,
    project,
    script,
    services,
    settings,
    upload,
)

__all__ = ["anonymous", "app", "client_folder", "image", "project", "script", "services", "settings", "upload"]


@pytest.fixture(params=["sqlite", "postgresql"])
def kind_of_database(request: pytest.FixtureRequest) -> str:
    """Which one the installation has: once each."""
    return str(request.param)


@pytest.fixture
def second_process(settings: Settings, services: Services, client_folder: Path) -> Iterator[Services]:
    """Another web process on the same home and database: nothing but these is shared."""
    other = open_services(settings, encoder_command=FAKE_WORKER)
    yield other
    stop(other)


@pytest.fixture
def by_turns(app: Any, second_process: Services, client_folder: Path) -> type[FlaskClient]:
    """A kind of client whose requests go to the one process and the other in turn."""
    others = create_app(second_process, client_folder)

    class ByTurns(FlaskClient):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._turns = cycle((app, others))

        def open(self, *args: Any, **kwargs: Any) -> Any:
            self.application = next(self._turns)
            return super().open(*args, **{"buffered": True, **kwargs})

    return ByTurns
