"""What the handlers work with, hung on the application once when it is created."""

from __future__ import annotations

from typing import cast

from flask import current_app

from limner.service.wiring import Services

EXTENSION = "limner"


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast(Services, current_app.extensions[EXTENSION])
