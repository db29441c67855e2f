"""The application of the API's tests."""

from tests.api.conftest import (
    anonymous,
    app,
    client_folder,
    image,
    project,
    script,
    services,
    upload,
)

__all__ = ["anonymous", "app", "client_folder", "image", "project", "script", "services", "upload"]
