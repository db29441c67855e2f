"""``limner models`` from end to end, with a server that publishes a small model."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from limner.blobs import BlobStore
from limner.cli.models import models
from limner.errors import Conflict, NotFound, WrongWeights
from limner.jobs.shared_models import ModelExchange
from limner.models import catalogue
from limner.models.catalogue import KNOWN_MODELS, KnownModel
from limner.models.manifest import Manifest
from limner.models.registry import build_model
from tests.models.test_download import FileServer, server

__all__ = ["server"]


@pytest.fixture
def published(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    import hashlib

    buffer = io.BytesIO()
    torch.save(build_model("samlet", seed=5).state_dict(), buffer)
    server.content = buffer.getvalue()
    known = KnownModel(
        "small", "Small", "samlet", "MIT", server.url, hashlib.sha256(server.content).hexdigest(), len(server.content)
    )
    monkeypatch.setitem(KNOWN_MODELS, "small", known)
    return known


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, catch_exceptions=False)


def test_pull_then_list_then_export(published: KnownModel, server: FileServer, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert "not installed" in next(line for line in run("list", "--home", home).output.splitlines() if "small" in line)
    server.breaks = [1_000_000]
    result = run("pull", "small", "--home", home)
    assert result.exit_code == 0
    assert "small is installed" in result.output
    assert len(server.ranges) == 2
    assert [path.name for path in (tmp_path / "home" / "downloads").iterdir()] == [".lock"]

    facts = {model["name"]: model for model in json.loads(run("list", "--json", "--home", home).output)["models"]}
    assert facts["small"]["installed"] is True
    assert facts["small"]["licence"] == "MIT"
    assert facts["sam_vit_h"]["installed"] is False
    with pytest.raises(Conflict, match=r"installed already.*limner models pull small --replace"):
        run("pull", "small", "--home", home)
    assert "small is installed" in run("pull", "small", "--replace", "--home", home).output

    out = tmp_path / "out"
    assert run("export", "small", "--out", str(out), "--home", home).exit_code == 0
    manifest = Manifest.read(out)
    assert manifest.weights_sha256 == facts["small"]["weights_sha256"]
    assert (out / "decode.onnx").stat().st_size == manifest.graphs.decode.bytes


def test_add_recognises_the_family(tmp_path: Path) -> None:
    torch.save(build_model("samlet", seed=6).state_dict(), tmp_path / "mine.pth")
    result = run("add", str(tmp_path / "mine.pth"), "--name", "mine", "--home", str(tmp_path))
    assert result.exit_code == 0
    assert catalogue.find_model("mine", tmp_path).card.family == "samlet"


def test_weights_are_replaced_under_one_name_here_and_for_machines_that_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_DATABASE_URL", "postgresql://limner@localhost/limner")  # shared; nobody asks it
    monkeypatch.setenv("LIMNER_BLOB_URL", str(tmp_path / "blobs"))
    blobs = BlobStore(str(tmp_path / "blobs"))
    home = tmp_path / "home"

    def add(seed: int, *options: str) -> str:
        torch.save(build_model("samlet", seed=seed).state_dict(), tmp_path / "mine.pth")
        run("add", str(tmp_path / "mine.pth"), "--name", "mine", "--home", str(home), *options)
        return catalogue.find_model("mine", home).card.weights_sha256

    def fetched(machine: str) -> str:
        ModelExchange(tmp_path / machine, blobs).exchange()
        return catalogue.find_model("mine", tmp_path / machine).card.weights_sha256

    first = add(1)
    assert fetched("home") == fetched("second") == first
    with pytest.raises(Conflict, match="--replace"):
        add(2)
    second = add(2, "--replace")
    assert second != first
    assert (fetched("home"), fetched("second"), fetched("third")) == (second, first, second)
    assert add(1, "--replace") == first
    assert (fetched("home"), fetched("third"), fetched("fourth")) == (first, second, first)
    assert sorted(path.name for path in (home / "models").iterdir()) == ["mine"], "nothing is left over"


def test_weights_that_do_not_fit_replace_nothing(tmp_path: Path) -> None:
    torch.save(build_model("samlet", seed=6).state_dict(), tmp_path / "mine.pth")
    run("add", str(tmp_path / "mine.pth"), "--name", "mine", "--home", str(tmp_path))
    before = catalogue.find_model("mine", tmp_path).weights.read_bytes()
    torch.save({"step": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WrongWeights):
        run(
            "add",
            str(tmp_path / "other.pth"),
            *("--family", "samlet", "--name", "mine", "--home", str(tmp_path), "--replace"),
        )
    assert catalogue.find_model("mine", tmp_path).weights.read_bytes() == before


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'nothing' cannot be pulled"):
        run("pull", "nothing", "--home", str(tmp_path))


def test_the_catalogue_pins_every_file() -> None:
    for name, known in KNOWN_MODELS.items():
        assert known.name == name
        assert known.family in catalogue.FAMILIES
        assert known.url.startswith("https://")
        assert len(bytes.fromhex(known.sha256)) == 32
        assert known.size is None or known.size > 1_000_000
    assert replace(KNOWN_MODELS["sam_vit_b"]).licence == "Apache-2.0"
