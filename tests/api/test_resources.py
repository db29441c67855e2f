"""Projects, categories, errors of every kind, the client's files and the description."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from limner.api.app import api_description

ROOT = Path(__file__).parents[2]


def test_projects_are_made_renamed_and_deleted(script: FlaskClient) -> None:
    body = {"name": "  Street   scenes ", "categories": [{"name": "car", "color": "#112233"}, {"name": "bus"}]}
    made = script.post("/api/v1/projects", json=body)
    assert made.status_code == 201
    project = made.json
    assert project["name"] == "Street scenes"
    assert [(c["name"], c["position"]) for c in project["categories"]] == [("car", 0), ("bus", 1)]
    assert project["categories"][0]["color"] == "#112233"
    assert project["image_count"] == project["annotation_count"] == project["encoded_count"] == 0
    address = f"/api/v1/projects/{project['id']}"
    assert script.get(address).json == project
    assert script.get("/api/v1/projects").json == {"projects": [project]}
    assert script.patch(address, json={"name": "Roads"}).json == {**project, "name": "Roads"}
    assert script.delete(address).status_code == 204
    assert script.get(address).json["error"]["code"] == "not_found"
    assert script.get("/api/v1/projects").json == {"projects": []}


def test_categories_are_added_changed_moved_and_deleted(script: FlaskClient, project: dict[str, Any]) -> None:
    address = f"/api/v1/projects/{project['id']}"
    dog = script.post(f"{address}/categories", json={"name": "dog", "supercategory": "animal"}).json
    assert (dog["position"], dog["supercategory"], dog["annotation_count"]) == (1, "animal", 0)
    twice = script.post(f"{address}/categories", json={"name": "dog"})
    assert (twice.status_code, twice.json["error"]["code"]) == (409, "conflict")
    changes = {"name": "hound", "color": "#abcdef", "position": 0}
    changed = script.patch(f"/api/v1/categories/{dog['id']}", json=changes).json
    assert changed == {**dog, **changes}
    assert [c["name"] for c in script.get(address).json["categories"]] == ["hound", "cat"]
    assert script.delete(f"/api/v1/categories/{dog['id']}").status_code == 204
    assert script.patch(f"/api/v1/categories/{dog['id']}", json={"name": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": 12}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "x", "role": "admin"}, "role"),
        ({"name": "x", "categories": [{"name": "y", "color": "red"}]}, "categories.0.color"),
        ({"name": "x", "categories": [{"name": "y"}, {"name": "y"}]}, ""),
        ([], ""),
        ("text", ""),
    ],
    ids=str,
)
def test_wrong_bodies_are_explained_by_field(script: FlaskClient, body: Any, field: str) -> None:
    answer = script.post("/api/v1/projects", json=body)
    error = answer.json["error"]
    assert (answer.status_code, error["code"]) == (422, "invalid_input")
    assert error["details"]["fields"][0]["field"] == field
    assert error["hint"]
    assert script.get("/api/v1/projects").json == {"projects": []}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "Robert'); DROP TABLE projects;--", "日本 🐈"])
def test_names_are_only_text(script: FlaskClient, name: str) -> None:
    answer = script.post("/api/v1/projects", json={"name": name})
    assert answer.mimetype == "application/json"
    assert answer.json["name"] == name


def error_of(answer: Any) -> tuple[int, str]:
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message", "hint", "details"}
    return answer.status_code, answer.json["error"]["code"]


def test_every_error_has_the_one_shape(script: FlaskClient, anonymous: FlaskClient, app: APIFlask) -> None:
    assert error_of(script.get("/api/v1/nothing")) == (404, "not_found")
    assert error_of(script.get("/api/v1/projects/99999999999999999999")) == (404, "not_found")
    assert error_of(script.put("/api/v1/projects")) == (405, "method_not_allowed")
    broken = script.post("/api/v1/projects", data="{", content_type="application/json")
    assert error_of(broken) == (400, "bad_request")
    deep = script.post("/api/v1/projects", data='{"name":' + "[" * 100_000, content_type="application/json")
    assert error_of(deep)[0] in (400, 422)
    assert error_of(anonymous.get("/api/v1/projects")) == (401, "not_signed_in")
    large = script.post("/api/v1/projects", data=b"x" * (33 << 20), content_type="application/json")
    assert error_of(large) == (413, "too_large")


def test_a_fault_of_ours_is_reported_without_its_details(
    script: FlaskClient, app: APIFlask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("limner.service.projects.store.count_projects", explode)
    answer = script.get("/api/v1/projects")
    assert error_of(answer) == (500, "internal_error")
    assert "secret detail" not in answer.get_data(as_text=True)
    assert "secret detail" in caplog.text


def test_the_client_is_served_compressed_when_the_browser_takes_it(anonymous: FlaskClient, client_folder: Path) -> None:
    script = client_folder / "assets" / "main-abc123.js"
    script.write_text("export {}")
    script.with_name(script.name + ".gz").write_bytes(gzip.compress(b"export {}"))
    script.with_name(script.name + ".br").write_bytes(b"brotli")
    for accepted, encoding in (("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("", None)):
        answer = anonymous.get(f"/assets/{script.name}", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding") == encoding
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in answer.headers["Vary"]
    for path in ("/", "/login", "/projects/12", "/projects/12/images/3"):
        page = anonymous.get(path)
        assert page.content_type == "text/html; charset=utf-8"
        assert page.mimetype == "text/html"
        assert page.headers["Cache-Control"] == "no-store"
    (client_folder / "ort.wasm").write_bytes(b"\0asm")
    assert anonymous.get("/ort.wasm").mimetype == "application/wasm"
    assert anonymous.get("/ort.wasm").headers["Cache-Control"] == "no-cache"


def test_the_guide_is_served_beside_the_client_and_always_as_it_is_now(
    anonymous: FlaskClient, client_folder: Path
) -> None:
    (client_folder / "guide").mkdir()
    (client_folder / "guide" / "index.html").write_text("<h1>The guide</h1>")
    (client_folder / "guide" / "drawing.jpg").write_bytes(b"picture")
    page, picture = (anonymous.get(f"/guide/{name}") for name in ("index.html", "drawing.jpg"))
    assert (page.mimetype, page.text) == ("text/html", "<h1>The guide</h1>")
    assert picture.mimetype == "image/jpeg"
    assert page.headers["Cache-Control"] == picture.headers["Cache-Control"] == "no-cache"
    assert anonymous.get("/guide/nowhere.html").status_code == 404


def test_the_page_lies_below_the_path_that_a_proxy_shows(anonymous: FlaskClient, client_folder: Path) -> None:
    (client_folder / "index.html").write_text('<head><script src="./assets/x.js"></script></head>')
    for path in ("/", "/projects/12/images/3"):
        assert anonymous.get(path).text == '<head><script src="/assets/x.js"></script></head>'
        below = anonymous.get(path, environ_overrides={"SCRIPT_NAME": "/limner"}).text
        assert '<script src="/limner/assets/x.js">' in below
        assert '<meta name="limner-root" content="/limner" />' in below


@pytest.mark.parametrize(
    "path",
    [
        "/../secret_key",
        "/assets/../../home/secret_key",
        "/guide/../../home/secret_key",
        "/%2e%2e/home/secret_key",
        "//etc/passwd",
        "/assets",
        "/x.js.br",
    ],
)
def test_files_outside_the_client_are_out_of_reach(anonymous: FlaskClient, client_folder: Path, path: str) -> None:
    (client_folder / "x.js.br").write_bytes(b"brotli")
    answer = anonymous.get(path)
    assert answer.status_code in (308, 404)


def test_a_client_that_was_not_built_says_how(anonymous: FlaskClient, client_folder: Path) -> None:
    (client_folder / "index.html").unlink()
    answer = anonymous.get("/")
    assert error_of(answer) == (503, "unavailable")
    assert "npm run build" in answer.json["error"]["hint"]


def test_the_description_is_valid_and_the_committed_one_is_current(anonymous: FlaskClient) -> None:
    description = api_description()
    validate(description)
    assert description["openapi"].startswith("3.1")
    assert anonymous.get("/api/v1/openapi.json").json == description
    committed = json.loads((ROOT / "web" / "openapi.json").read_text())
    assert committed == description, "run: limner openapi > web/openapi.json, then npm run types in web"


def test_every_operation_of_the_description_has_a_name_and_answers(app: APIFlask) -> None:
    description = api_description()
    names = []
    for operations in description["paths"].values():
        for operation in operations.values():
            names.append(operation["operationId"])
            assert operation["summary"]
            assert operation["responses"]["default"]["content"]
            success = [code for code in operation["responses"] if code.startswith("2")]
            assert success
    assert len(set(names)) == len(names)
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(names) == len(routes - {"openapi.spec"})
