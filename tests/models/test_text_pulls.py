"""Pulling a detector that reads text, from a real HTTP server that publishes a repository at a pinned commit."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli.models import models
from limner.errors import Conflict, NoNetwork, NotFound, WrongWeights
from limner.models import text_pulls
from limner.models.text_catalogue import KNOWN_TEXT_DETECTORS, KnownTextDetector, PinnedFile
from limner.models.text_detectors import family_of, installed_text_detectors
from limner.models.text_pulls import pull_text_detector

REVISION = "ab" * 20
CONTENT = {
    "config.json": json.dumps({"model_type": "grounding-dino"}).encode(),
    "tokenizer.json": b"{}" * 500,
    "model.safetensors": bytes(range(256)) * 8000,
}


class Hub(ThreadingHTTPServer):
    """Publishes ``content`` of somebody/detector at ``REVISION``; after ``breaks_after`` bytes an answer ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = dict(CONTENT)
        self.asked: list[str] = []
        self.breaks_after: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        name = self.path.removeprefix(f"/somebody/detector/resolve/{REVISION}/")
        if name not in self.server.content:
            self.send_error(404)
            return
        body = self.server.content[name]
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        limit = self.server.breaks_after
        self.wfile.write(body[start:] if limit is None or len(body) <= limit else body[start:limit])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


@pytest.fixture
def known() -> KnownTextDetector:
    files = tuple(PinnedFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())
    return KnownTextDetector(
        "small", "Small", "Apache-2.0", "somebody/detector", REVISION, files, needs=("torchvision",)
    )


def test_a_text_detector_is_fetched_from_its_pinned_commit_and_installed_as_a_whole(
    hub: Hub, known: KnownTextDetector, tmp_path: Path
) -> None:
    seen: list[int] = []
    folder = pull_text_detector(known, tmp_path, seen.append, host=hub.address)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert installed_text_detectors(tmp_path) == {"small": folder}
    assert family_of(folder) == "grounding-dino"
    assert seen == sorted(seen)
    assert seen[-1] == known.size == sum(map(len, CONTENT.values()))
    assert all(f"/resolve/{REVISION}/" in path for path in hub.asked)
    assert [path.name for path in (tmp_path / "downloads").iterdir() if not path.name.endswith(".lock")] == []
    with pytest.raises(Conflict, match="small is installed already"):
        pull_text_detector(known, tmp_path, seen.append, host=hub.address)


def test_a_fetch_that_broke_off_installs_nothing_and_goes_on_with_what_had_arrived(
    hub: Hub, known: KnownTextDetector, tmp_path: Path
) -> None:
    hub.breaks_after = 1_000_000
    with pytest.raises(NoNetwork, match=r"127\.0\.0\.1 could not be reached"):
        pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    assert installed_text_detectors(tmp_path) == {}
    part = tmp_path / "downloads" / "text-small" / "model.safetensors.part"
    assert part.stat().st_size == 1_000_000
    hub.breaks_after, before = None, len(hub.asked)
    folder = pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    assert (folder / "model.safetensors").read_bytes() == CONTENT["model.safetensors"]
    assert len(hub.asked) == before + 1, "the small files were there, and the large one in part"


def test_other_bytes_than_those_that_are_pinned_are_refused_and_named(
    hub: Hub, known: KnownTextDetector, tmp_path: Path
) -> None:
    hub.content["tokenizer.json"] = b"[]" * 500
    with pytest.raises(WrongWeights, match=r"tokenizer\.json sent other bytes than expected"):
        pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    assert installed_text_detectors(tmp_path) == {}
    del hub.content["tokenizer.json"]
    with pytest.raises(NotFound, match="404"):
        pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    hub.content["tokenizer.json"] = CONTENT["tokenizer.json"]
    pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    assert set(installed_text_detectors(tmp_path)) == {"small"}


def test_a_file_that_arrived_and_was_damaged_since_is_fetched_again(
    hub: Hub, known: KnownTextDetector, tmp_path: Path
) -> None:
    arriving = tmp_path / "downloads" / "text-small"
    arriving.mkdir(parents=True)
    (arriving / "config.json").write_bytes(b"{}")
    folder = pull_text_detector(known, tmp_path, lambda done: None, host=hub.address)
    assert (folder / "config.json").read_bytes() == CONTENT["config.json"]


def test_without_a_network_it_says_so_and_what_to_bring_from_elsewhere(
    known: KnownTextDetector, tmp_path: Path
) -> None:
    with Hub() as gone:
        address = gone.address  # nobody listens there any more after this
    with pytest.raises(NoNetwork, match="no network") as caught:
        pull_text_detector(known, tmp_path, lambda done: None, host=address)
    assert f"fetch config.json, tokenizer.json, model.safetensors from {address}/somebody/detector/tree/{REVISION}" in (
        caught.value.hint or ""
    )
    assert str(tmp_path / "text" / "small") in (caught.value.hint or "")


def test_the_command_lists_and_pulls_text_detectors_and_says_what_they_need(
    hub: Hub, known: KnownTextDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KNOWN_TEXT_DETECTORS, "small", known)
    monkeypatch.setattr(text_pulls.pull_text_detector, "__kwdefaults__", {"host": hub.address})

    def run(*arguments: str) -> str:
        home = ["--home", str(tmp_path)]
        return CliRunner().invoke(models, [*arguments, *home], catch_exceptions=False).output

    assert "reads text; not installed (2 MB): limner models pull small" in run("list")
    said = run("pull", "small")
    assert f"small is installed: {tmp_path / 'text' / 'small'}" in said
    assert "pip install 'limner[text]' torchvision" in said
    assert any(
        line.startswith("small ") and line.endswith("reads text; installed") for line in run("list").splitlines()
    )
    facts = {each["name"]: each for each in json.loads(run("list", "--json"))["text_detectors"]}
    assert facts["small"]["installed"] is True
    assert facts["small"]["revision"] == REVISION
    with pytest.raises(NotFound, match="'nothing' cannot be pulled"):
        run("pull", "nothing")


def test_four_text_detectors_under_apache_2_are_pinned_file_by_file() -> None:
    assert len(KNOWN_TEXT_DETECTORS) == 4
    for name, known in KNOWN_TEXT_DETECTORS.items():
        assert known.name == name
        assert known.licence == "Apache-2.0"
        assert len(bytes.fromhex(known.revision)) == 20
        names = [file.name for file in known.files]
        assert len(set(names)) == len(names)
        assert {"config.json", "preprocessor_config.json", "tokenizer_config.json", "model.safetensors"} <= set(names)
        for file in known.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 0
            assert known.url(file) == f"https://huggingface.co/{known.repository}/resolve/{known.revision}/{file.name}"


def test_what_is_still_being_put_together_is_not_installed(tmp_path: Path) -> None:
    for name in (f".{'a' * 16}.partial", "whole"):
        folder = tmp_path / "text" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_bytes(CONTENT["config.json"])
    assert list(installed_text_detectors(tmp_path)) == ["whole"]
