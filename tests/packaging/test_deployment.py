"""The unit, the images and the compose file name what is there; what can be tried without a daemon is tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from limner.config import Settings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "systemd" / "limner.service"
CONTAINER = ROOT / "packaging" / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit_without_a_word_and_calls_it_well_protected(tmp_path: Path) -> None:
    """Where Limner is installed is replaced."""
    program = tmp_path / "limner"
    program.write_text(f"#!{sys.executable}\n")
    program.chmod(0o755)
    unit = tmp_path / "limner.service"
    unit.write_text(UNIT.read_text().replace("/opt/limner/bin/limner", str(program)))
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-600:]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_the_configuration_of_the_proxy_in_compose(tmp_path: Path) -> None:
    configuration = tmp_path / "nginx.conf"
    text = (CONTAINER / "nginx.conf").read_text().replace("http://limner:8000", "http://127.0.0.1:8000")
    configuration.write_text(text.replace("/tmp/", f"{tmp_path}/"))
    run = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-c", str(configuration)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_every_setting_that_is_named_exists() -> None:
    known = {f"LIMNER_{name.upper()}" for name in Settings.model_fields}
    texts = {path: path.read_text() for path in (UNIT, *CONTAINER.iterdir())}
    named = {name for text in texts.values() for name in re.findall(r"\bLIMNER_[A-Z_]+\b", text)}
    assert named
    assert named <= known, named - known


def test_what_the_image_is_made_of_is_there() -> None:
    """Also for the builder, which sees what the ignore file lets through."""
    copied = [
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"server", "data", "export", "web", "constraints.txt"} <= set(copied)
    let_through = {
        line.removeprefix("!")
        for line in (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in let_through), source


def test_images_are_pinned_and_limner_is_nobody_of_consequence() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    images = [image for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if image not in stages]
    services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    images += [service["image"] for service in services.values() if "image" in service]
    for image in images:
        assert re.search(r":[^:]*\d[^:]*$", image), f"{image} names no version"
    assert re.search(r"^USER \d+:\d+$", DOCKERFILE, re.MULTILINE)
    for name in ("limner", "proxy"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert "HEALTHCHECK" in DOCKERFILE
    for name, service in services.items():
        assert name in ("limner", "bucket") or "healthcheck" in service
        assert set(service.get("depends_on", {})) <= set(services)


def test_no_password_is_written_down() -> None:
    text = (CONTAINER / "compose.yaml").read_text()
    for line in text.splitlines():
        if re.search(r"PASSWORD: |SECRET_ACCESS_KEY: |DATABASE_URL: ", line):
            assert re.search(r"\$\{\w+:\?", line), line
