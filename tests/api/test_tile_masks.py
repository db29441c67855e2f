"""Masks on tiles: a picture for each revision, kept by browsers, for those who may see the image."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from PIL import Image

from tests.api.conftest import creation


def picture(client: FlaskClient, image_id: int, revision: int, **headers: str) -> Any:
    return client.get(f"/api/v1/images/{image_id}/masks?revision={revision}&look=a1", headers=headers)


def pixels_of(answer: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.data)).convert("RGBA"))


def test_masks_have_the_colours_of_their_categories_and_the_size_of_the_thumbnail(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any]
) -> None:
    category = script.get(f"/api/v1/projects/{project['id']}").json["categories"][0]
    script.post(f"/api/v1/images/{image['id']}/operations", json=creation(category["id"]), headers={"If-Match": '"0"'})
    answer = picture(script, image["id"], 1)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    pixels = pixels_of(answer)
    assert pixels.shape[:2] == (image["height"], image["width"]), "small images have thumbnails of their own size"
    colors = {tuple(color) for color in pixels[pixels[..., 3] > 0][:, :3].tolist()}
    assert colors == {tuple(bytes.fromhex(category["color"][1:]))}


def test_a_picture_of_the_present_revision_is_kept_and_asked_for_anew_after_an_edit(
    script: FlaskClient, image: dict[str, Any]
) -> None:
    empty = picture(script, image["id"], 0)
    assert "immutable" in empty.headers["Cache-Control"]
    assert not pixels_of(empty).any()
    known = {"If-None-Match": empty.headers["ETag"]}
    assert picture(script, image["id"], 0, **known).status_code == 304

    script.post(f"/api/v1/images/{image['id']}/operations", json=creation(None), headers={"If-Match": '"0"'})
    late = picture(script, image["id"], 0, **known)
    assert (late.status_code, late.headers["Cache-Control"]) == (200, "no-store")
    assert pixels_of(late).any(), "the present masks are sent"
    assert picture(script, image["id"], 1).headers["ETag"] != empty.headers["ETag"]


def test_what_is_no_revision_and_no_image_is_refused(script: FlaskClient, image: dict[str, Any]) -> None:
    assert picture(script, image["id"], -1).status_code == 422
    assert script.get(f"/api/v1/images/{image['id']}/masks").status_code == 422
    assert picture(script, 10**6, 0).status_code == 404
