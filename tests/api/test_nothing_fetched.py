"""The server fetches nothing that somebody names: addresses in files and names stay text."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.api.conftest import HEIGHT, WIDTH, creation, mask_rle


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A port that nobody may knock at."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    yield listener
    listener.close()


def test_addresses_in_uploads_imports_and_names_are_not_followed(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], trap: socket.socket
) -> None:
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
    path = f"/api/v1/projects/{project['id']}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}" width="9" height="9"/></svg>'.encode()
    xml = f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "{url}"><x/>'.encode()
    noted = PngInfo()
    noted.add_itxt("XML:com.adobe.xmp", f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a href="{url}"/></x:xmpmeta>')
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(buffer, "PNG", pnginfo=noted)
    for data in (svg, xml, url.encode(), buffer.getvalue()):
        script.post(f"{path}/images", data={"files": (io.BytesIO(data), url)})
    listed: dict[str, Any] = {"id": 1, "file_name": image["file_name"], "coco_url": url, "flickr_url": url, "url": url}
    entry = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": mask_rle(), "attributes": {"source": url}}
    document = {
        "info": {"url": url},
        "images": [listed, {"id": 2, "file_name": url}],
        "licenses": [{"id": 1, "url": url}],
        "categories": [{"id": 1, "name": url, "supercategory": url}],
        "annotations": [
            entry,
            {**entry, "id": 2, "segmentation": url},
            {**entry, "id": 3, "segmentation": {"url": url}},
        ],
    }
    sent = {"data": json.dumps(document), "content_type": "application/json"}
    assert script.post(f"{path}/import", **sent).status_code == 200
    script.post("/api/v1/projects", json={"name": url, "categories": [{"name": url}]})
    script.post(
        f"/api/v1/images/{image['id']}/operations", json=creation(attributes={"note": url}), headers={"If-Match": '"1"'}
    )
    for form in ("coco", "sa1b", "panoptic", "yolo", "png"):
        assert script.get(f"{path}/export?format={form}").status_code == 200
    script.get(f"/{url}")
    with pytest.raises(BlockingIOError):
        trap.accept()
