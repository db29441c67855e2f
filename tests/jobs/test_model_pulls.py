"""Models that are fetched in the background: by the real process from a server that breaks off, and by others."""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from limner.config import Settings
from limner.errors import Conflict, NotFound
from limner.jobs.model_pulls import ModelPuller
from limner.models import pulls
from limner.models.catalogue import KNOWN_MODELS, KnownModel, find_model
from tests.models.test_download import FileServer, server
from tests.models.test_models_command import published

__all__ = ["published", "server"]

PATIENCE = 120.0  # s


def test_a_model_that_is_wanted_is_installed_with_what_had_arrived_before(
    published: KnownModel, server: FileServer, settings: Settings
) -> None:
    home = settings.home
    pulls.want(home, "small")
    whole = pulls.download_path(home, published)
    whole.with_name(f"{whole.name}.part").write_bytes(server.content[:1_000_000])
    assert pulls.arrived(home, "small") == 1_000_000
    server.breaks = [500_000]
    puller = ModelPuller(settings)
    assert puller.pull_next()
    assert server.ranges == ["bytes=1000000-", "bytes=1500000-"]
    assert find_model("small", home).card.licence == "MIT"
    assert pulls.find_wanted(home, "small") is None
    assert not puller.pull_next()
    with pytest.raises(Conflict, match="installed already"):
        pulls.want(home, "small")


def test_without_a_network_it_is_said_what_can_be_done_and_asking_again_goes_on(
    published: KnownModel, server: FileServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = replace(published, url=f"http://127.0.0.1:{unused.getsockname()[1]}/file")
        monkeypatch.setitem(KNOWN_MODELS, "small", nowhere)
        pulls.want(settings.home, "small")
        puller = ModelPuller(settings)
        assert puller.pull_next()
    failed = pulls.find_wanted(settings.home, "small")
    assert failed is not None
    assert failed.state == "failed"
    assert "no network: 127.0.0.1 could not be reached" in failed.message
    assert "limner models add file" in failed.hint
    assert not puller.pull_next()  # until somebody asks again
    pulls.want(settings.home, "small")
    assert pulls.is_wanted(settings.home, "small")


def silent(tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    """A process that fetches nothing, and a file that is there once it runs."""
    runs = tmp_path / "runs"
    code = f"import pathlib, sys; sys.stdin.readline(); pathlib.Path({str(runs)!r}).touch(); sys.stdin.read()"
    return (sys.executable, "-c", code), runs


@pytest.mark.parametrize("ends", ["cancelled", "stopped"])
def test_the_process_ends_when_nobody_wants_the_model_any_more_or_the_server_stops(
    ends: str, settings: Settings, tmp_path: Path
) -> None:
    command, runs = silent(tmp_path)
    puller = ModelPuller(settings, command=command)
    pulls.want(settings.home, "sam_vit_b")
    puller.start()
    looks = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if runs.exists() or looks.wait(0.05):
            break
    assert runs.exists(), "the process did not start"
    if ends == "cancelled":
        pulls.unwant(settings.home, "sam_vit_b")
        puller.look_again()
    puller.stop()  # joins the thread: it would hang if the process were not ended
    wanted = pulls.find_wanted(settings.home, "sam_vit_b")
    assert (wanted is None) == (ends == "cancelled")
    assert wanted is None or wanted.state == "wanted"  # the next server goes on


def test_a_process_that_dies_is_named(settings: Settings) -> None:
    pulls.want(settings.home, "mobile_sam")
    ModelPuller(settings, command=(sys.executable, "-c", "raise SystemExit(3)")).pull_next()
    failed = pulls.find_wanted(settings.home, "mobile_sam")
    assert failed is not None
    assert failed.message == "The process that fetches models ended with status 3."
    assert pulls.all_wanted(settings.home) == []


def test_what_cannot_be_fetched_is_not_wanted(settings: Settings) -> None:
    with pytest.raises(NotFound, match="'samlet' cannot be fetched"):
        pulls.want(settings.home, "samlet")
    pulls.want(settings.home, "mobile_sam")
    (settings.home / pulls.FOLDER / "mobile_sam.json").write_text("{")
    broken = pulls.find_wanted(settings.home, "mobile_sam")
    assert broken is not None
    assert broken.hint == "Ask for it again."
