"""The unit, the images and the compose file name what is there; what can be tried without a daemon is tried."""

from __future__ import annotations

import json
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
INSTRUCTIONS = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "RUN",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
}  # of all that there are
OF_SERVICE = {  # of what https://github.com/compose-spec/compose-spec knows
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "volumes",
}
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


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


def test_what_the_client_is_built_of_is_copied_into_its_stage() -> None:
    """Besides `web`: what its build reads and writes elsewhere."""
    named = set(re.findall(r"\"\.\./([a-z]+)[/\"]", (ROOT / "web" / "vite.config.ts").read_text()))
    assert "docs" in named
    stage = DOCKERFILE.partition(" AS client")[2].partition("\nFROM ")[0]
    copied = {
        source.split("/")[0] for line in re.findall(r"^COPY (.+)$", stage, re.MULTILINE) for source in line.split()
    }
    written = {"server"}  # the folder for the built client
    assert named - written <= copied


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


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, with lines that go on put together and comments left out."""
    lines = [line for line in DOCKERFILE.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]
    assert all(len(each) == 2 for each in found), found
    return [(name, arguments) for name, arguments in found]


def test_every_instruction_of_the_dockerfile_is_one_and_its_parts_fit_together() -> None:
    stages: list[str] = []
    declared: set[str] = set()
    for name, arguments in instructions():
        assert name in INSTRUCTIONS, name
        match name:
            case "FROM":
                declared = set()
                if stage := re.search(r" AS (\S+)$", arguments):
                    stages.append(stage[1])
            case "ARG":
                declared.add(arguments.split("=")[0])
            case "COPY":
                for stage in re.findall(r"--from=(\S+)", arguments):
                    assert stage in stages, f"{stage} is no stage above"
            case "RUN":
                assert subprocess.run(["sh", "-n", "-c", arguments], check=False).returncode == 0, arguments
                used = set(re.findall(r"\$\{?([A-Z_]+)", arguments))
                assert used <= declared, f"{used - declared} is not declared in its stage"
            case "ENTRYPOINT" | "CMD":
                assert isinstance(json.loads(arguments), list)
            case "HEALTHCHECK":
                *_, code = json.loads(arguments.partition("CMD ")[2])
                compile(code, "HEALTHCHECK", "exec")


def test_the_compose_file_says_what_the_specification_knows() -> None:
    """A key that nobody knows is refused by every implementation; here at once."""
    document = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    assert {key for key in document if not key.startswith("x-")} <= {"name", "services", "volumes", "networks"}
    volumes = set(document["volumes"])
    for name, service in document["services"].items():
        assert set(service) <= OF_SERVICE, f"{name}: {set(service) - OF_SERVICE}"
        assert ("image" in service) != ("build" in service), name
        for dependency in service.get("depends_on", {}).values():
            assert dependency["condition"] in CONDITIONS
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            assert target.startswith("/")
            assert mode in ([], ["ro"])
            assert (CONTAINER / source).is_file() if source.startswith(".") else source in volumes, volume
        if isinstance(service.get("build"), dict):
            context = CONTAINER / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).resolve() == (CONTAINER / "Dockerfile").resolve()


def test_no_password_is_written_down() -> None:
    text = (CONTAINER / "compose.yaml").read_text()
    for line in text.splitlines():
        if re.search(r"PASSWORD: |SECRET_ACCESS_KEY: |DATABASE_URL: ", line):
            assert re.search(r"\$\{\w+:\?", line), line
