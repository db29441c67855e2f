"""Limner behind a real nginx and a real Caddy: https, below a sub-path, with the configurations of docs/deploy.md."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import mask_rle, new_uid
from tests.conftest import png_bytes
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Api, new_project, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, start_server, stop_server
from tests.e2e.test_faults import draw
from tests.e2e.waiting import wait_until
from tests.nginx import nginx_command
from tests.ports import free_port
from tests.processes import end

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
ROOT = "/limner"
PATIENCE = 60.0  # s, for a proxy to listen


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimnerServer]:
    """A server that is told of a proxy as the page says."""
    settings = dict(re.findall(r"(LIMNER_\w+)=(\S+)", _block("sh")))
    started = start_server(tmp_path_factory.mktemp("behind") / "home", settings=settings)
    yield started
    stop_server(started)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for this machine, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    (folder / "limner.pem").write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "limner.key").write_bytes(key.private_bytes(*form))
    return folder


Proxy = Callable[[str, Path], list[str]]  # takes the block of the page and a folder; writes files, gives the command


def caddy(block: str, folder: Path) -> list[str]:
    (folder / "Caddyfile").write_text(f"{{\n admin off\n auto_https disable_redirects\n}}\n{block}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(params=[("nginx", "nginx", nginx_command), ("caddy", "caddyfile", caddy)], ids=["nginx", "caddy"])
def proxied(
    request: pytest.FixtureRequest, behind: LimnerServer, certificate: Path, tmp_path: Path
) -> Iterator[LimnerServer]:
    """The server at the address that the proxy shows."""
    program, language, prepare = request.param
    if _find(program) is None:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            pytest.fail(f"make test installs {program} and did not: apt-get install {program}")
        pytest.skip(f"only root may install {program}: sudo apt-get install {program}")
    port = free_port()
    block = _block(language).replace("127.0.0.1:8000", behind.address.removeprefix("http://").removesuffix(ROOT))
    block = block.replace("/etc/ssl", str(certificate)).replace("listen 443", f"listen 127.0.0.1:{port}")
    block = block.replace("server_name limner.example.org", "server_name localhost")
    block = block.replace("limner.example.org", f"https://localhost:{port}")
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    command = prepare(block, tmp_path)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([str(_find(program)), *command[1:]], stderr=log, stdout=log, env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, f"{program} does not listen"
            time.sleep(0.05)
        yield replace(behind, address=f"https://localhost:{port}{ROOT}")
    finally:
        end(process)


@pytest.fixture
def page(proxied: LimnerServer, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has followed the sign-in link, through the proxy."""
    context = browser.new_context(viewport=VIEWPORT, ignore_https_errors=True)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(proxied))
    page.get_by_role("heading", name="Projects").wait_for()
    yield page
    context.close()


def test_everything_works_below_a_sub_path_over_https(behind: LimnerServer, proxied: LimnerServer, page: Page) -> None:
    assert page.url == f"{proxied.address}/"
    (cookie,) = page.context.cookies()
    assert (cookie["secure"], cookie["httpOnly"], cookie["path"], cookie["sameSite"]) == (True, True, ROOT, "Strict")
    project = new_project(behind, f"Behind {proxied.address}")
    project = replace(project, url=project.url.replace(behind.address, proxied.address))
    work = AnnotatePage(page, project, "cat.png")
    assert page.url.startswith(f"{project.url}/images/")
    assert page.evaluate("crossOriginIsolated"), "the decoder may use threads"
    draw(work, 150, 100)
    work.saved()
    _events_arrive_at_once(behind, page, work)
    _uploads_pass(page, project.url)


def _events_arrive_at_once(behind: LimnerServer, page: Page, work: AnnotatePage) -> None:
    """Somebody else draws an object; the page hears of it by a stream that no proxy may hold back."""
    image_id = int(page.url.rsplit("/", 1)[1])
    creation = {"kind": "create", "uid": new_uid(), "category_id": None, "segmentation": mask_rle(0, 300, 451)}
    Api(behind).operate(image_id, 1, creation)
    expect(work.objects).to_have_count(2, timeout=TIMEOUT)


def _uploads_pass(page: Page, gallery: str) -> None:
    """One of several megabytes, which no proxy may refuse."""
    page.goto(gallery)
    noise = png_bytes(1200, 1200)
    assert len(noise) > 2 << 20
    file = {"name": "noise.png", "mimeType": "image/png", "buffer": noise}
    page.locator("input[type=file]").first.set_input_files(files=[file])  # type: ignore[list-item]
    card = page.get_by_role("link", name=re.compile("noise.png"))
    expect(card).to_have_count(1, timeout=TIMEOUT)
    picture = card.locator("img")
    wait_until(page, lambda: picture.evaluate("each => each.naturalWidth > 0"), "the thumbnail is shown")


def _block(language: str) -> str:
    """The first block of this language on the page."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE} has no block of {language}"
    return found[1]


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
