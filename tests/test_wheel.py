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

from tests.conftest import png_bytes

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
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import limner, limner_onnx; print(limner.__file__, limner_onnx.__file__)"],
        env=environment,
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(site) for path in where)
    _serves([sys.executable, "-m", "limner"], environment, tmp_path)


def _serves(limner: list[str], environment: dict[str, str], folder: Path) -> None:
    """``limner serve`` listens, answers, and ends when it is told to."""
    with subprocess.Popen(
        [*limner, "serve", "--home", str(folder / "home"), "--port", "0"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        cwd=folder,
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


@pytest.mark.slow
def test_a_server_is_installed_and_starts_without_torch(tmp_path: Path) -> None:
    """In an environment of its own, with what its wheel asks for and nothing else."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(ROOT / "packaging" / "server")], check=True, capture_output=True)
    (built,) = tmp_path.glob("limner_server-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    installed = tmp_path / "venv" / "bin" / "limner"
    pip = [str(installed.with_name("pip")), "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(built)]
    subprocess.run(pip, check=True, capture_output=True)
    listed = subprocess.run([*pip[:1], "freeze"], check=True, capture_output=True, text=True).stdout
    assert not re.search(r"^(torch|onnx|onnxruntime|scikit-image)\b", listed, re.MULTILINE)
    _serves([str(installed)], dict(os.environ), tmp_path)
    (tmp_path / "cat.png").write_bytes(png_bytes())
    refused = subprocess.run(
        [str(installed), "segment", "cat.png", "--point", "1,1", "--out", "mask.png"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert refused.returncode == 1
    assert "needs torch, which is not installed here" in refused.stderr
