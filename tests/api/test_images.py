"""Uploads, pages of images, files."""

import io
import struct
import zlib
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image as Picture

from limner.blobs import embedding_key
from limner.errors import StorageFull
from limner.jobs.sweep import sweep
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.ingest import ingest_image
from limner.service.wiring import Services, open_services
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.types import utc_now
from tests.api.conftest import HEIGHT, WIDTH, Upload, creation, stored_files
from tests.conftest import TEST_MODEL_SHA256, embedding_bytes, png_bytes


def jpeg_bytes(orientation: int = 1) -> bytes:
    picture = Picture.new("RGB", (64, 48), "red")
    exif = picture.getexif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and brings next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_each_file_of_an_upload_gets_its_own_answer(script: FlaskClient, project: dict[str, Any]) -> None:
    files = [
        (io.BytesIO(png_bytes(seed=1)), "one.png"),
        (io.BytesIO(b"not an image"), "two.png"),
        (io.BytesIO(jpeg_bytes(orientation=6)), "folder/three.jpg"),
        (io.BytesIO(png_bytes(seed=1)), "one again.png"),
    ]
    answer = script.post(f"/api/v1/projects/{project['id']}/images", data={"files": files})
    results = answer.json["results"]
    assert [r["status"] for r in results] == ["created", "rejected", "created", "duplicate"]
    assert [r["file_name"] for r in results] == ["one.png", "two.png", "folder/three.jpg", "one again.png"]
    assert results[3]["image"]["id"] == results[0]["image"]["id"]
    assert results[1]["error"]["code"] == "invalid_image"
    upright = results[2]["image"]
    assert (upright["width"], upright["height"]) == (48, 64)
    listed = script.get(f"/api/v1/projects/{project['id']}/images").json
    assert [image["id"] for image in listed["images"]] == [results[0]["image"]["id"], upright["id"]]
    assert script.get(f"/api/v1/projects/{project['id']}").json["image_count"] == 2


BAD_IMAGES = {
    "zero bytes": (b"", "invalid_image"),
    "truncated PNG": (png_bytes()[:-200], "invalid_image"),
    "truncated JPEG": (jpeg_bytes()[:-300], "invalid_image"),
    "text called PNG": (b"hello", "invalid_image"),
    "SVG with a script": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "invalid_image"),
    "50k x 50k header": (png_header(50_000, 50_000), "image_too_large"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_files_are_refused_and_leave_nothing(
    upload: Upload, services: Services, script: FlaskClient, name: str
) -> None:
    data, code = BAD_IMAGES[name]
    result = upload(data)
    assert (result["status"], result["image"]) == ("rejected", None)
    assert result["error"]["code"] == code
    assert result["error"]["message"]
    assert result["error"]["hint"]
    assert stored_files(services.settings) == set()
    assert script.get("/api/v1/projects/1/images").json["images"] == []


def test_a_file_is_known_by_its_content_not_its_name(upload: Upload) -> None:
    result = upload(jpeg_bytes(), "lies.png")
    assert result["status"] == "created"
    assert result["image"]["format"] == "JPEG"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.png", "etc/passwd.png"),
        ("/absolute.png", "absolute.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a\x00b.png", "ab.png"),
    ],
)
def test_file_names_cannot_climb(upload: Upload, sent: str, kept: str) -> None:
    assert upload(png_bytes(), sent)["file_name"] == kept


def test_a_name_that_is_taken_by_another_picture_is_made_distinct_and_said(upload: Upload) -> None:
    assert upload(png_bytes(seed=1), "cam1/0001.png")["notes"] == []
    assert upload(png_bytes(seed=2), "cam2/0001.png")["notes"] == []
    second = upload(png_bytes(seed=3), "cam1/0001.png")
    assert (second["file_name"], second["image"]["file_name"]) == ("cam1/0001.png", "cam1/0001-2.png")
    assert second["notes"] == [
        "The project has another image called cam1/0001.png: this one is called cam1/0001-2.png."
    ]
    again = upload(png_bytes(seed=3), "cam1/0001.png")
    assert (again["status"], again["notes"]) == (
        "duplicate",
        ["The project has the same file already: cam1/0001-2.png."],
    )


def test_a_name_in_another_form_of_unicode_is_the_same_name(upload: Upload) -> None:
    upload(png_bytes(seed=1), "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png")
    second = upload(png_bytes(seed=2), "cafe\N{COMBINING ACUTE ACCENT}.png")
    assert second["image"]["file_name"] == "caf\N{LATIN SMALL LETTER E WITH ACUTE}-2.png"


def test_pages_that_are_not_taken_are_said_in_answer_and_list(
    script: FlaskClient, upload: Upload, project: dict[str, Any]
) -> None:
    buffer = io.BytesIO()
    pages = [Picture.new("L", (8, 8), value) for value in range(7)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    result = upload(buffer.getvalue(), "stack.tif")
    assert result["notes"] == ["Page 1 of 7 was taken; save the others as files of their own to annotate them."]
    (listed,) = script.get(f"/api/v1/projects/{project['id']}/images").json["images"]
    assert listed["pages"] == result["image"]["pages"] == 7


def test_an_upload_needs_a_project_and_files(script: FlaskClient, project: dict[str, Any]) -> None:
    address = f"/api/v1/projects/{project['id']}/images"
    assert script.post(address, data={}).json["error"]["code"] == "invalid_input"
    assert script.post(address, data={"file": (io.BytesIO(png_bytes()), "x.png")}).status_code == 422
    missing = script.post("/api/v1/projects/99/images", data={"files": (io.BytesIO(png_bytes()), "x.png")})
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "not_found")


def test_too_large_an_upload_is_refused(
    script: FlaskClient, project: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(services.settings), "max_upload_bytes", 1000, raising=False)
    object.__setattr__(services, "settings", services.settings.model_copy(update={"max_upload_bytes": 1000}))
    answer = script.post(f"/api/v1/projects/{project['id']}/images", data={"files": (io.BytesIO(b"x" * 5000), "x.png")})
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert list((services.settings.home / "uploads").iterdir()) == []


def test_a_full_disk_leaves_nothing_half_done(
    script: FlaskClient, project: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = services.blobs.put

    def fill_up(key: str, data: bytes, **_: Any) -> bool:
        if key.startswith("thumbnails/"):
            raise StorageFull("There is no space left for this file.")
        return put(key, data)

    address = f"/api/v1/projects/{project['id']}/images"
    with monkeypatch.context() as patch:
        patch.setattr(services.blobs, "put", fill_up)
        answer = script.post(address, data={"files": (io.BytesIO(png_bytes()), "x.png")})
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "storage_full")
    sweep_after_a_day(services)
    assert stored_files(services.settings) == set()
    assert script.get(address).json["images"] == []
    again = script.post(address, data={"files": (io.BytesIO(png_bytes()), "x.png")})
    assert again.json["results"][0]["status"] == "created"


def test_pages_and_neighbours(script: FlaskClient, upload: Upload, project: dict[str, Any]) -> None:
    ids = [upload(png_bytes(seed=seed), f"{seed}.png")["image"]["id"] for seed in range(5)]
    first = script.get(f"/api/v1/projects/{project['id']}/images?limit=3").json
    rest = script.get(f"/api/v1/projects/{project['id']}/images?limit=3&after={first['next']}").json
    assert [image["id"] for image in first["images"] + rest["images"]] == ids
    assert rest["next"] is None
    middle = script.get(f"/api/v1/images/{ids[2]}").json
    assert (middle["previous_id"], middle["next_id"]) == (ids[1], ids[3])
    assert middle["position"] == 3


def test_a_list_is_chosen_ordered_and_walked(script: FlaskClient, upload: Upload, project: dict[str, Any]) -> None:
    names = ["b/10.png", "b/2.png", "a/1.png"]
    ids = {name: upload(png_bytes(seed=seed), name)["image"]["id"] for seed, name in enumerate(names)}
    query = "folder=/b/&order=name&descending=true&search=PNG"
    listed = script.get(f"/api/v1/projects/{project['id']}/images?{query}&counted=true").json
    assert [image["file_name"] for image in listed["images"]] == ["b/10.png", "b/2.png"]
    assert (listed["total"], listed["next"]) == (2, None)
    assert script.get(f"/api/v1/projects/{project['id']}/images").json["total"] is None
    first = script.get(f"/api/v1/images/{ids['b/10.png']}?{query}").json
    assert (first["position"], first["previous_id"], first["next_id"]) == (1, None, ids["b/2.png"])
    assert first["next_waiting_id"] == ids["b/2.png"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("search=%00", "search"),
        ("folder=a%01", "folder"),
        ("skip=-1", "skip"),
        ("order=odd", "order"),
        ("author=0", "author"),
        ("author=ada", "author"),
        ("limit=0", "limit"),
        ("limit=1000", "limit"),
        ("state=odd", "state"),
        ("sort=sha256", "sort"),
    ],
)
def test_queries_are_checked(script: FlaskClient, project: dict[str, Any], query: str, field: str) -> None:
    answer = script.get(f"/api/v1/projects/{project['id']}/images?{query}")
    assert answer.status_code == 422
    assert answer.json["error"]["details"]["fields"][0]["field"] == field


def test_pages_by_state(script: FlaskClient, upload: Upload, image: dict[str, Any]) -> None:
    bare = upload(png_bytes(seed=9), "bare.png")["image"]
    script.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": '"0"'})
    address = f"/api/v1/projects/{image['project_id']}/images"
    listed = {
        state: [i["id"] for i in script.get(f"{address}?state={state}").json["images"]]
        for state in ("all", "annotated", "unannotated")
    }
    assert listed == {"all": [image["id"], bare["id"]], "annotated": [image["id"]], "unannotated": [bare["id"]]}


@pytest.mark.parametrize(("query", "found"), [("waiting&also=annotated", 1), ("submitted&also=annotated", 0)])
def test_two_filters_hold_together(
    script: FlaskClient, upload: Upload, image: dict[str, Any], query: str, found: int
) -> None:
    upload(png_bytes(seed=9), "bare.png")
    script.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": '"0"'})
    listed = script.get(f"/api/v1/projects/{image['project_id']}/images?counted=true&state={query}").json
    assert [listed["total"], [each["id"] for each in listed["images"]]] == [found, [image["id"]][:found]]


def test_files_are_served_with_our_type_and_kept_for_ever(script: FlaskClient, image: dict[str, Any]) -> None:
    for name, media_type in (("file", "image/png"), ("thumbnail", "image/webp")):
        answer = script.get(f"/api/v1/images/{image['id']}/{name}")
        assert answer.status_code == 200
        assert answer.mimetype == media_type
        assert "immutable" in answer.headers["Cache-Control"]
        assert "private" in answer.headers["Cache-Control"]
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        cached = script.get(f"/api/v1/images/{image['id']}/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (cached.status_code, cached.data) == (304, b"")
        assert cached.headers["ETag"] == answer.headers["ETag"]
    shown = Picture.open(io.BytesIO(script.get(f"/api/v1/images/{image['id']}/file").data))
    assert shown.size == (WIDTH, HEIGHT)


def sweep_after_a_day(services: Services, later: timedelta = timedelta(hours=25)) -> None:
    sweep(services.database, services.blobs, "test", now=utc_now() + later)


def delete_for_good(script: FlaskClient, image: dict[str, Any]) -> None:
    assert script.delete(f"/api/v1/images/{image['id']}").status_code == 204
    address = f"/api/v1/projects/{image['project_id']}/trash/delete"
    assert script.post(address, json={"image_ids": [image["id"]]}).json["done"] == [image["id"]]


def test_deleting_an_image_for_good_deletes_its_bytes_when_nobody_else_has_them(
    script: FlaskClient, upload: Upload, image: dict[str, Any], services: Services
) -> None:
    other = script.post("/api/v1/projects", json={"name": "Other"}).json
    twin = upload(png_bytes(HEIGHT, WIDTH), project_id=other["id"])["image"]
    delete_for_good(script, image)
    assert script.get(f"/api/v1/images/{image['id']}").status_code == 404
    assert script.get(f"/api/v1/images/{twin['id']}/file").status_code == 200
    assert script.delete(f"/api/v1/projects/{other['id']}").status_code == 204
    assert len(stored_files(services.settings)) == 3
    sweep_after_a_day(services)
    assert stored_files(services.settings) == set()


def test_an_import_beside_a_deletion_of_the_same_bytes_keeps_its_files(
    script: FlaskClient, image: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI's import, in services of its own, has found the files when the server deletes the last row of them."""
    other = script.post("/api/v1/projects", json={"name": "Other"}).json
    elsewhere = open_services(services.settings)
    put = elsewhere.blobs.put

    def put_and_lose_the_row(key: str, data: bytes, **options: Any) -> bool:
        if key.startswith("thumbnails/"):
            delete_for_good(script, image)
            sweep_after_a_day(services, timedelta(hours=23))
        return put(key, data, **options)

    monkeypatch.setattr(elsewhere.blobs, "put", put_and_lose_the_row)
    data = png_bytes(HEIGHT, WIDTH)
    taken = ingest_image(elsewhere, other["id"], "twin.png", lambda: data, image["sha256"])
    elsewhere.database.close()
    assert taken.created
    sweep_after_a_day(services)
    for name in ("file", "thumbnail"):
        assert script.get(f"/api/v1/images/{taken.image.id}/{name}").status_code == 200


def test_an_image_that_comes_again_after_it_was_deleted_is_not_taken_for_encoded(
    script: FlaskClient, upload: Upload, image: dict[str, Any], services: Services
) -> None:
    old = EmbeddingKey("c" * 64, PREPROCESSING_VERSION)  # of a model that is no longer in use
    for key in (EmbeddingKey.of(TEST_MODEL_SHA256), old):
        services.blobs.put(
            embedding_key(image["sha256"], key.model_sha256, key.preprocessing_version), embedding_bytes()
        )
        with services.database.write() as session:
            add_embeddings(session, key, [MadeEmbedding(image["sha256"], seconds=1.0, bytes=9)])
    assert script.get(f"/api/v1/images/{image['id']}").json["embedding"]["state"] == "ready"
    delete_for_good(script, image)
    sweep_after_a_day(services)
    assert stored_files(services.settings) == set()
    again = upload(png_bytes(HEIGHT, WIDTH))["image"]
    assert again["sha256"] == image["sha256"]
    assert again["embedding"]["state"] == "none"
    assert script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 0


def test_a_page_of_images_asks_the_blob_store_for_nothing(
    script: FlaskClient, services: Services, project: dict[str, Any], upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [upload(png_bytes(seed=seed), f"{seed}.png")["image"] for seed in range(3)]
    asked: list[str] = []
    head = services.blobs.head
    monkeypatch.setattr(services.blobs, "head", lambda key, length: asked.append(key) or head(key, length))
    images = script.get(f"/api/v1/projects/{project['id']}/images").json["images"]
    assert ([image["embedding"]["state"] for image in images], asked) == (["none"] * 3, [])

    key = EmbeddingKey.of(TEST_MODEL_SHA256)  # encoded, but the server stopped before that was written down
    services.blobs.put(
        embedding_key(shown[0]["sha256"], key.model_sha256, key.preprocessing_version), embedding_bytes()
    )
    assert script.get(f"/api/v1/images/{shown[0]['id']}").json["embedding"]["state"] == "ready"
    assert len(asked) == 1
