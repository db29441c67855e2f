"""What the browser tests arrange behind the browser's back: sign-in links, projects and photos."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from limner.cli.demo import CATEGORIES, PHOTOS
from limner.store import Database, accounts
from tests.e2e.server import LimnerServer

BOUNDARY = "limner-test"


@contextmanager
def database_of(server: LimnerServer) -> Iterator[Session]:
    """The server's database, behind its back."""
    database = Database(server.database_url)
    try:
        with database.write() as session:
            yield session
    finally:
        database.close()


def sign_in_link(server: LimnerServer) -> str:
    """A fresh link for the administrator, as `limner user link` prints."""
    with database_of(server) as session:
        token = accounts.create_login_link(session, accounts.find_user(session, accounts.LOCAL_ADMIN))
    return f"{server.address}/login#token={token}"


class Api:
    """The server with a bearer token of the administrator's."""

    def __init__(self, server: LimnerServer) -> None:
        self.address = server.address
        with database_of(server) as session:
            user = accounts.find_user(session, accounts.LOCAL_ADMIN)
            self.token = accounts.create_api_token(session, user, f"browser tests {uuid4()}")

    def post(self, path: str, body: bytes, media_type: str = "application/json", **headers: str) -> Any:
        headers |= {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}
        request = urllib.request.Request(f"{self.address}/api/v1{path}", body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def operate(self, image_id: int, revision: int, operation: Mapping[str, Any]) -> Any:
        """One operation of somebody else's on an image of this ``revision``."""
        body = {"operation_id": str(uuid4()), "operation": operation}
        headers = {"If-Match": f'"{revision}"'}
        return self.post(f"/images/{image_id}/operations", json.dumps(body).encode(), **headers)

    def create_project(self, name: str, categories: tuple[str, ...] = ()) -> int:
        body = {"name": name, "categories": [{"name": each} for each in categories]}
        return int(self.post("/projects", json.dumps(body).encode())["id"])

    def upload(self, project_id: int, images: Mapping[str, bytes]) -> None:
        parts = []
        for name, data in images.items():
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
            parts.append(head.encode() + data + b"\r\n")
        body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
        results = self.post(f"/projects/{project_id}/images", body, f"multipart/form-data; boundary={BOUNDARY}")
        assert [each["status"] for each in results["results"]] == ["created"] * len(images)


@dataclass
class Project:
    """A project on a running server.

    Attributes:
        url: of its gallery.
        upload: adds images, given as bytes under their names.
        present: the demo's photos that are in it.
    """

    url: str
    upload: Callable[[Mapping[str, bytes]], None]
    present: set[str] = field(default_factory=set)

    def add_photo(self, file_name: str) -> None:
        """Add one of the demo's photos, once. Other names are those of images that a test brought itself."""
        if file_name in PHOTOS and file_name not in self.present:
            self.upload({file_name: (files("skimage.data") / PHOTOS[file_name]).read_bytes()})
            self.present.add(file_name)


def demo_project(server: LimnerServer) -> Project:
    """The project that a fresh home begins with, all of its photos in it."""
    return Project(f"{server.address}/projects/1", lambda images: Api(server).upload(1, images), set(PHOTOS))


def new_project(server: LimnerServer, name: str) -> Project:
    """An empty project with the demo's categories."""
    api = Api(server)
    project_id = api.create_project(name, CATEGORIES)
    return Project(f"{server.address}/projects/{project_id}", lambda images: api.upload(project_id, images))
