"""The wheel: client and model inside, and a server that starts from it anywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("limner-*.whl")
    return built


def test_the_client_the_model_and_both_packages_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("limner/static/index.html").decode()
    for needed in (
        "limner/data/samlet.safetensors",
        "limner/data/samlet.md",
        "limner/py.typed",
        "limner/store/migrations/versions/0001_first_tables.py",
        "limner_onnx/exporter.py",
    ):
        assert needed in names, f"{needed} is missing: run `make wheel`, which builds the client first"
    for asset in re.findall(r'(?:src|href)="/(assets/[^"]+)"', page):
        assert f"limner/static/{asset}" in names
    assert any(name.endswith(".wasm.br") for name in names)
    assert not any("node_modules" in name or name.startswith("tests/") for name in names)


def test_it_serves_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(pip, check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONUNBUFFERED": "1"}
    where = subprocess.run(
        [sys.executable, "-c", "import limner, limner_onnx; print(limner.__file__, limner_onnx.__file__)"],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(site) for path in where)
    with subprocess.Popen(
        [sys.executable, "-m", "limner", "serve", "--home", str(tmp_path / "home"), "--port", "0"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        printed = next((line for line in server.stdout if "running at" in line), "")
        address = re.search(r"http://\S+", printed)
        assert address, "the server stopped before it listened"
        for path in ("/", "/readyz"):
            with urllib.request.urlopen(address[0] + path) as answer:
                assert answer.status == 200
        server.terminate()
        assert server.wait(60) == 0
