"""Embeddings over HTTP with a real encoder process that needs no model: states, files, jobs and events."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from safetensors.numpy import load

from limner.blobs import embedding_key
from limner.config import Settings
from limner.encoding.wire import smaller
from limner.jobs.precompute import make_items
from limner.jobs.sweep import sweep
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.wiring import Services
from limner.store.embeddings import EmbeddingKey
from limner.store.jobs import get_job
from limner.store.types import utc_now
from tests.api.conftest import Upload, creation, stored_files
from tests.conftest import TEST_MODEL, TEST_MODEL_SHA256, embedding_bytes, png_bytes

PATIENCE = 20.0  # s, after which a condition will not come true any more


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true answer of ``condition``."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        threading.Event().wait(0.02)
    raise AssertionError("the condition did not come true")


class Listener:
    """Reads a project's event stream in a thread."""

    def __init__(
        self, client: FlaskClient, project_id: int, last_event_id: int | None = None, after: int | None = None
    ) -> None:
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        query = {} if after is None else {"after": after}
        path = f"/api/v1/projects/{project_id}/events"
        self._answer = client.get(path, query_string=query, headers=headers, buffered=False)
        assert self._answer.mimetype == "text/event-stream"
        self.events: list[dict[str, Any]] = []
        self.connected = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self.connected.wait(PATIENCE)

    def _read(self) -> None:
        for chunk in self._answer.response:
            text = chunk.decode() if isinstance(chunk, bytes) else chunk
            if text.startswith("retry:"):
                self.connected.set()
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if not line.startswith(":"))
            if fields.get("event") == "start":
                self.start = int(fields["id"])
            elif "event" in fields:
                number = int(fields["id"]) if "id" in fields else None
                self.events.append({"id": number, "event": fields["event"], **json.loads(fields["data"])})

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    def join(self) -> None:
        self._thread.join(PATIENCE)
        self._answer.close()


@pytest.fixture
def listen(script: FlaskClient, services: Services) -> Iterator[Callable[..., Listener]]:
    listeners: list[Listener] = []

    def start(project_id: int, last_event_id: int | None = None, after: int | None = None) -> Listener:
        listeners.append(Listener(script, project_id, last_event_id, after))
        return listeners[-1]

    yield start
    services.events.close()
    for listener in listeners:
        listener.join()


def embedding(client: FlaskClient, image_id: int, query: str = "") -> Any:
    return client.get(f"/api/v1/images/{image_id}/embedding{query}")


def test_an_embedding_is_asked_for_and_then_served_for_ever(
    script: FlaskClient, image: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = embedding(script, image["id"])
    assert pending.status_code == 202
    assert pending.headers["Retry-After"] == "1"
    assert pending.json == {"state": "waiting", "position": 0, "error": None}
    assert "no-store" in pending.headers["Cache-Control"]
    services.encoder.start()
    ready = wait_for(lambda: (answer := embedding(script, image["id"])).status_code == 200 and answer)
    assert ready.mimetype == "application/octet-stream"
    assert ready.headers["X-Limner-Model-Sha256"] == TEST_MODEL_SHA256
    assert "immutable" in ready.headers["Cache-Control"]
    assert load(ready.data)["image_embeddings"].shape == (1, 2, 4, 4)
    cached = script.get(f"/api/v1/images/{image['id']}/embedding", headers={"If-None-Match": ready.headers["ETag"]})
    assert cached.status_code == 304

    small = embedding(script, image["id"], "?dtype=i8")
    assert small.status_code == 200
    assert small.headers["ETag"] != ready.headers["ETag"]
    assert load(small.data)["image_embeddings"].dtype == "int8"

    assert embedding(script, image["id"], "?dtype=packed").data == ready.data  # small as it is
    monkeypatch.setattr("limner.api.blueprints.embeddings.PACKED_ABOVE", 64)
    packed = embedding(script, image["id"], "?dtype=packed")
    assert packed.data == smaller(ready.data, "packed")
    assert len({packed.headers["ETag"], small.headers["ETag"], ready.headers["ETag"]}) == 3
    assert embedding(script, image["id"]).data == ready.data

    wait_for(lambda: script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 1)
    assert script.get(f"/api/v1/images/{image['id']}").json["embedding"] == {"state": "ready", "error": None}


def test_who_waits_for_an_encoder_that_cannot_start_is_told_why(
    script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    weights = services.settings.models_dir / TEST_MODEL / "weights.safetensors"
    weights.unlink()
    services.encoder.start()
    pending = wait_for(lambda: (answer := embedding(script, image["id"])).json["error"] and answer)
    assert pending.status_code == 202
    assert pending.json["error"] == services.encoder.status().encoder.message


def test_an_image_that_cannot_be_encoded_says_so(script: FlaskClient, upload: Upload, services: Services) -> None:
    poison = upload(png_bytes(2, 2))["image"]
    services.encoder.start()
    failed = wait_for(lambda: (answer := embedding(script, poison["id"])).status_code == 500 and answer)
    assert failed.json["error"]["code"] == "encoder_failed"
    assert "it is poison" in failed.json["error"]["message"]
    shown = script.get(f"/api/v1/images/{poison['id']}").json["embedding"]
    assert shown == {"state": "failed", "error": "it is poison"}


def test_queries_of_embeddings_are_checked(script: FlaskClient, image: dict[str, Any]) -> None:
    assert embedding(script, image["id"], "?dtype=f64").status_code == 422
    assert embedding(script, image["id"], "?priority=precompute").status_code == 422
    assert embedding(script, 999).status_code == 404


def test_a_region_has_an_embedding_of_its_own(
    script: FlaskClient, upload: Upload, services: Services, settings: Settings, listen: Callable[..., Listener]
) -> None:
    image = upload(png_bytes(300, 400))["image"]
    listener = listen(image["project_id"])
    services.encoder.start()
    query = "?region=96,128,304,160"
    assert embedding(script, image["id"], query).status_code == 202
    part = wait_for(lambda: (answer := embedding(script, image["id"], query)).status_code == 200 and answer)
    assert b'"region":"96,128,304,160"' in part.data
    assert script.get(f"/api/v1/images/{image['id']}").json["embedding"]["state"] == "none"
    whole = wait_for(lambda: (answer := embedding(script, image["id"])).status_code == 200 and answer)
    small = embedding(script, image["id"], query + "&dtype=i8")
    assert len({answer.headers["ETag"] for answer in (part, whole, small)}) == 3
    assert services.encoder.status().queue.done == 2
    wait_for(lambda: listener.of_kind("embedding") and listener.of_kind("embedding")[-1]["state"] == "ready")
    told = [(event["state"], event["region"]) for event in listener.of_kind("region")]
    assert told == [(state, "96,128,304,160") for state in ("waiting", "encoding", "ready")]

    before = stored_files(settings)
    assert sum("embeddings" in name for name in before) == 3
    assert script.delete(f"/api/v1/images/{image['id']}").status_code == 204
    trash = f"/api/v1/projects/{image['project_id']}/trash"
    assert script.post(f"{trash}/delete", json={"image_ids": [image["id"]]}).status_code == 200
    sweep(services.database, services.blobs, "test", now=utc_now() + timedelta(hours=25))
    assert stored_files(settings) == set()


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("1,2,3", "is no region"),
        ("0,0,128,-128", "is no region"),
        ("288,0,128,128", "leaves the image of 400 × 300"),
        ("0,0,96,128", "is too small"),
        ("8,0,128,128", "lies off the grid"),
        ("0,0,400,300", "is the whole image"),
    ],
)
def test_regions_are_checked(script: FlaskClient, upload: Upload, region: str, problem: str) -> None:
    image = upload(png_bytes(300, 400))["image"]
    refused = embedding(script, image["id"], f"?region={region}")
    assert refused.status_code == 422
    assert problem in refused.json["error"]["message"]
    assert refused.json["error"]["hint"]


def test_server_models_manifest_and_graphs(script: FlaskClient, services: Services) -> None:
    address = f"/api/v1/models/{TEST_MODEL_SHA256}"
    early = script.get(f"{address}/manifest")
    assert (early.status_code, early.json["error"]["code"]) == (503, "unavailable")
    assert early.headers["Retry-After"]
    assert script.get("/api/v1/server").json["encoder"]["state"] == "starting"
    services.encoder.start()
    wait_for(lambda: script.get("/api/v1/server").json["encoder"]["state"] == "ready")
    manifest = script.get(f"{address}/manifest").json
    assert manifest["weights_sha256"] == TEST_MODEL_SHA256
    for name in ("prepare", "decode"):
        graph = script.get(f"{address}/graphs/{name}")
        assert graph.data == f"the graph {name}".encode()
        assert graph.headers["ETag"] == f'"{manifest["graphs"][name]["sha256"]}"'
        assert "immutable" not in graph.headers["Cache-Control"]  # another exporter may write another graph
        version = manifest["graphs"][name]["sha256"]
        assert "immutable" in script.get(f"{address}/graphs/{name}?v={version}").headers["Cache-Control"]
        assert "immutable" not in script.get(f"{address}/graphs/{name}?v={'0' * 64}").headers["Cache-Control"]
    assert script.get(f"{address}/graphs/encode").status_code == 404
    assert script.get(f"/api/v1/models/{'0' * 64}/manifest").status_code == 404
    models = {model["name"]: model for model in script.get("/api/v1/models").json["models"]}
    assert models["testlet"]["default"]
    assert models["testlet"]["weights_sha256"] == TEST_MODEL_SHA256
    assert models["sam_vit_b"] | {"title": "", "family": "", "licence": ""} == {
        "name": "sam_vit_b",
        "title": "",
        "family": "",
        "licence": "",
        "installed": False,
        "default": False,
        "weights_sha256": None,
        "bytes": None,
        "quality": {},
        "bundled": False,
        "download_bytes": 375_042_383,
        "pull": None,
        "source": "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth",
    }


def test_precompute_encodes_a_project_and_survives_a_poisoned_image(
    script: FlaskClient, upload: Upload, project: dict[str, Any], services: Services, listen: Callable[..., Listener]
) -> None:
    for seed in range(6):
        upload(png_bytes(seed=seed), f"{seed}.png")
    upload(png_bytes(2, 2), "poison.png")
    listener = listen(project["id"])
    answer = script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "precompute"})
    assert answer.status_code == 201
    assert (answer.json["state"], answer.json["total"], answer.json["done"]) == ("running", 7, 0)
    twice = script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "precompute"})
    assert twice.status_code == 409
    assert services.encoder.status().queue.waiting == 0  # nothing is claimed before the encoder runs

    services.encoder.start()
    job = wait_for(lambda: (jobs := job_list(script, project))[0]["state"] == "done" and jobs[0])
    assert (job["done"], job["failed"], job["total"]) == (6, 1, 7)
    assert job["message"] == "1 image could not be encoded."
    wait_for(lambda: listener.of_kind("job") and listener.of_kind("job")[-1]["state"] == "done")

    def settled() -> list[str]:
        return [event["state"] for event in listener.of_kind("embedding") if event["id"] is not None]

    wait_for(lambda: len(settled()) == 7)
    assert sorted(settled()) == ["failed"] + ["ready"] * 6
    assert listener.of_kind("server")[-1]["encoder"]["state"] == "ready"


def test_a_job_fails_when_the_encoder_cannot_run_and_goes_on_when_it_can(
    script: FlaskClient,
    image: dict[str, Any],
    services: Services,
    settings: Settings,
    listen: Callable[..., Listener],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("limner.encoding.supervisor.RETRY_AFTER", 0.1)
    project = {"id": image["project_id"]}
    listener = listen(project["id"])
    card = settings.models_dir / TEST_MODEL / "model.json"
    hidden = card.rename(card.with_suffix(".away"))
    job = script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "precompute"}).json
    services.encoder.start()
    failed = wait_for(lambda: (jobs := job_list(script, project))[0]["state"] == "failed" and jobs[0])
    assert TEST_MODEL in failed["message"]
    wait_for(lambda: listener.of_kind("job") and listener.of_kind("job")[-1]["state"] == "failed")
    assert script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "precompute"}).status_code == 409
    resumed = script.post(f"/api/v1/jobs/{job['id']}/resume").json
    assert resumed["state"] == "running"  # but nothing is better yet
    again = wait_for(lambda: (jobs := job_list(script, project))[0]["state"] == "failed" and jobs[0])
    assert again["message"] == failed["message"]

    hidden.rename(card)
    done = wait_for(lambda: (jobs := job_list(script, project))[0]["state"] == "done" and jobs[0])
    assert (done["id"], done["done"], done["failed"], done["message"]) == (job["id"], 1, 0, "")


def test_a_failed_job_can_be_cancelled(
    script: FlaskClient, image: dict[str, Any], services: Services, settings: Settings
) -> None:
    (settings.models_dir / TEST_MODEL / "model.json").unlink()
    job = script.post(f"/api/v1/projects/{image['project_id']}/jobs", json={"kind": "precompute"}).json
    services.encoder.start()
    wait_for(lambda: job_list(script, {"id": image["project_id"]})[0]["state"] == "failed")
    assert script.post(f"/api/v1/jobs/{job['id']}/cancel").json["state"] == "cancelled"


def job_list(client: FlaskClient, project: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.get(f"/api/v1/projects/{project['id']}/jobs").json["jobs"])


def test_a_job_can_be_paused_resumed_and_cancelled(script: FlaskClient, image: dict[str, Any]) -> None:
    job = script.post(f"/api/v1/projects/{image['project_id']}/jobs", json={"kind": "precompute"}).json
    states = [script.post(f"/api/v1/jobs/{job['id']}/{action}") for action in ("pause", "resume", "cancel")]
    assert [answer.json["state"] for answer in states] == ["paused", "running", "cancelled"]
    late = script.post(f"/api/v1/jobs/{job['id']}/resume")
    assert (late.status_code, late.json["error"]["code"]) == (409, "conflict")
    assert script.post(f"/api/v1/jobs/{job['id']}/explode").status_code == 404
    assert script.post("/api/v1/jobs/99/pause").status_code == 404


def test_a_job_finds_embeddings_that_were_made_before_a_crash(
    script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    """The blob is there, the row is not: the server was killed between the two."""
    services.encoder.start()
    services.blobs.put(embedding_key(image["sha256"], TEST_MODEL_SHA256, PREPROCESSING_VERSION), embedding_bytes())
    job = script.post(f"/api/v1/projects/{image['project_id']}/jobs", json={"kind": "precompute"}).json
    project = {"id": image["project_id"]}
    found = wait_for(lambda: (jobs := job_list(script, project))[0]["state"] == "done" and jobs[0])
    assert (found["id"], found["done"], found["failed"]) == (job["id"], 1, 0)


def test_an_image_that_is_deleted_is_not_encoded_any_more(
    script: FlaskClient, project: dict[str, Any], upload: Upload, services: Services
) -> None:
    images = [upload(png_bytes(seed=seed), f"{seed}.png")["image"] for seed in range(3)]
    job = script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "precompute"}).json
    with services.database.write() as session:  # as the encoder does when it asks for work
        make_items(session, get_job(session, job["id"]), EmbeddingKey.of(TEST_MODEL_SHA256))
    assert script.delete(f"/api/v1/images/{images[1]['id']}").status_code == 204
    services.encoder.start()
    found = wait_for(lambda: (newest := job_list(script, project)[0])["state"] == "done" and newest)
    assert (found["done"], found["failed"], found["total"]) == (2, 0, 2)
    assert services.encoder.status().queue.done == 2


def test_pages_hear_of_categories_that_others_change(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], listen: Callable[..., Listener]
) -> None:
    page = listen(project["id"])
    made = script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": "dog"}).json
    script.patch(f"/api/v1/categories/{made['id']}", json={"name": "lynx", "position": 0})
    script.delete(f"/api/v1/categories/{made['id']}")
    assert script.post(f"/api/v1/projects/{project['id']}/categories", json={"name": "cat"}).status_code == 409
    coco = {"categories": [{"id": 1, "name": "bird"}, {"id": 2, "name": "fox"}], "images": [], "annotations": []}
    for _ in range(2):  # the second time both are there
        assert script.post(f"/api/v1/projects/{project['id']}/import", json=coco).status_code == 200
    script.delete(f"/api/v1/images/{image['id']}")
    wait_for(lambda: page.of_kind("image"))
    assert [event["event"] for event in page.events] == ["categories"] * 4 + ["image"]


def test_events_are_live_and_replayed(
    script: FlaskClient, project: dict[str, Any], upload: Upload, listen: Callable[..., Listener]
) -> None:
    first = listen(project["id"])
    image = upload(png_bytes(48, 64))["image"]
    for revision in range(3):
        script.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": f'"{revision}"'})
    wait_for(lambda: len(first.events) == 5)
    # The first save on an image that nobody has takes it, which is told once.
    assert [event["event"] for event in first.events] == ["image", "annotations", "work", "annotations", "annotations"]
    assert [event["revision"] for event in first.events if event["event"] == "annotations"] == [1, 2, 3]
    assert first.events[0] == {
        "id": first.events[0]["id"],
        "event": "image",
        "image_id": image["id"],
        "action": "created",
    }

    again = listen(project["id"], last_event_id=first.events[1]["id"])
    wait_for(lambda: len(again.events) == 3)
    assert again.events == first.events[2:]

    # What a page heard before it opened this stream; what the stream said since counts for more.
    later = listen(project["id"], after=first.events[0]["id"])
    wait_for(lambda: len(later.events) == 4)
    assert (later.start, later.events) == (first.events[0]["id"], first.events[1:])
    latest = listen(project["id"], last_event_id=first.events[3]["id"], after=first.events[0]["id"])
    wait_for(lambda: len(latest.events) == 1)
    assert latest.events == first.events[4:]


def test_listening_pages_leave_threads_for_saving(
    script: FlaskClient, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.service.streams.MAX_STREAMS", 0)
    answer = script.get(f"/api/v1/projects/{project['id']}/events")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers


def test_events_of_other_projects_stay_there(
    script: FlaskClient, project: dict[str, Any], upload: Upload, listen: Callable[..., Listener]
) -> None:
    other = script.post("/api/v1/projects", json={"name": "Other"}).json
    here, there = listen(project["id"]), listen(other["id"])
    upload(png_bytes(), project_id=other["id"])
    wait_for(lambda: there.events)
    upload(png_bytes())
    wait_for(lambda: here.events)
    assert len(here.events) == len(there.events) == 1
    assert here.events != there.events


def test_a_page_that_missed_too_much_is_told(
    script: FlaskClient,
    project: dict[str, Any],
    upload: Upload,
    listen: Callable[..., Listener],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("limner.store.events.PRUNE_EVERY", 2)
    monkeypatch.setattr("limner.store.events.KEPT_EVENTS", 2)
    for seed in range(8):
        upload(png_bytes(seed=seed), f"{seed}.png")
    listener = listen(project["id"], last_event_id=1)
    wait_for(lambda: listener.events)
    assert listener.events[0]["event"] == "reset"
    assert listener.events[0]["id"] == 8


def test_pings_keep_the_stream_open_and_pick_up_what_other_processes_did(
    script: FlaskClient, project: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limner.store import Database
    from limner.store.events import add_event
    from limner.vocabulary.events import ImageEvent

    monkeypatch.setattr("limner.service.streams.PING_SECONDS", 0.05)
    stream = iter(script.get(f"/api/v1/projects/{project['id']}/events", buffered=False).response)
    assert b"connected" in next(stream)
    elsewhere = Database(services.settings.resolved_database_url)
    with elsewhere.write() as session:
        add_event(session, ImageEvent(image_id=7, action="created"), project["id"])
    elsewhere.close()
    seen = [next(stream) for _ in range(3)]
    assert any(b"ping" in chunk for chunk in seen)
    assert any(b'"image_id":7' in chunk for chunk in seen)
    services.events.close()
    for _ in stream:
        pass


def test_metrics_count_requests_and_images(script: FlaskClient, image: dict[str, Any]) -> None:
    embedding(script, image["id"])
    text = script.get("/metrics").get_data(as_text=True)
    assert 'limner_request_seconds_count{endpoint="images.upload_images",method="POST",status="200"} 1.0' in text
    assert "limner_encoder_queue_images 1.0" in text


def test_readiness_ends_before_the_process_does(anonymous: FlaskClient, services: Services) -> None:
    assert anonymous.get("/readyz").status_code == 200
    services.events.close()
    assert anonymous.get("/readyz").status_code == 503
    assert anonymous.get("/healthz").status_code == 200


def test_an_upload_does_not_wait_for_the_encoder(script: FlaskClient, project: dict[str, Any]) -> None:
    answer = script.post(f"/api/v1/projects/{project['id']}/images", data={"files": (io.BytesIO(png_bytes()), "x.png")})
    assert answer.json["results"][0]["image"]["embedding"] == {"state": "none", "error": None}
