"""The application of the API's tests."""

from tests.api.conftest import app, client_folder, project, script, services, upload

__all__ = ["app", "client_folder", "project", "script", "services", "upload"]
