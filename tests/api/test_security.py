"""What other sites, other installations, proxies and odd requests may not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskClient

from limner.api.app import create_app
from limner.api.security import secret_key
from limner.api.uploads import remove_old_uploads
from limner.cli import cli
from limner.config import Settings, open_to_others
from limner.errors import InvalidFile
from limner.models.default import promote
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.accounts import create_login_link, ensure_local_admin
from limner.vocabulary import rle
from tests.api.conftest import FAKE_WORKER
from tests.api.running import Server


def fresh_token(services: Services) -> str:
    with services.database.write() as session:
        return create_login_link(session, ensure_local_admin(session))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_json_of_another_content_type_is_refused(anonymous: FlaskClient, link_token: str, content_type: str) -> None:
    """Forms of other sites can send such without asking."""
    body = f'{{"token": "{link_token}"}}'
    refused = anonymous.post("/api/v1/session", data=body, headers={"Content-Type": content_type})
    assert refused.status_code == 415
    assert refused.json["error"]["hint"] == "Send application/json."
    assert (
        anonymous.post("/api/v1/session", data=body, content_type="application/json; charset=utf-8").status_code == 200
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_can_sign_nobody_in(anonymous: FlaskClient, link_token: str, headers: dict[str, str]) -> None:
    refused = anonymous.post("/api/v1/session", json={"token": link_token}, headers=headers)
    assert refused.status_code == 403
    assert "Set-Cookie" not in refused.headers
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert anonymous.post("/api/v1/session", json={"token": link_token}, headers=own).status_code == 200


def test_two_installations_on_one_host_do_not_share_a_cookie(app: APIFlask, settings: Settings, tmp_path: Path) -> None:
    models = settings.models_dir
    other_home = tmp_path / "other"
    other_home.mkdir()
    os.symlink(models, other_home / "models")
    other = open_services(settings.model_copy(update={"home": other_home}), encoder_command=FAKE_WORKER)
    try:
        assert create_app(other).config["SESSION_COOKIE_NAME"] != app.config["SESSION_COOKIE_NAME"]
    finally:
        stop(other)


def test_too_many_attempts_are_told_when_to_come_again(anonymous: FlaskClient) -> None:
    for _ in range(21):
        answer = anonymous.post("/api/v1/session", json={"token": "x" * 43})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61


def test_behind_a_proxy_addresses_and_https_are_those_of_the_client(settings: Settings, client_folder: Path) -> None:
    services = open_services(
        settings.model_copy(update={"proxy_hops": 1, "root_path": "/limner"}), encoder_command=FAKE_WORKER
    )
    try:
        client = create_app(services, client_folder).test_client()

        def sign_in(address: str, token: str = "x" * 43) -> Any:
            headers = {
                "X-Forwarded-For": f"6.6.6.6, {address}",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "a.example",
            }
            return client.post("/api/v1/session", json={"token": token}, headers=headers)

        statuses = [sign_in("1.1.1.1").status_code for _ in range(21)]
        assert statuses == [401] * 20 + [429]
        answer = sign_in("2.2.2.2", fresh_token(services))
        assert answer.status_code == 200
        cookie = answer.headers["Set-Cookie"]
        assert "Secure" in cookie
        assert "Path=/limner" in cookie
        assert "max-age" in answer.headers["Strict-Transport-Security"]
    finally:
        stop(services)


@pytest.mark.parametrize(
    ("forwarded", "secure"),
    [
        ({"Proto": "https", "Host": "a.example"}, True),  # the second proxy hands on what the first one set
        ({"Proto": "https, http", "Host": "a.example, inner"}, True),
        ({"Proto": "https,http,http", "Host": "x,a.example,inner"}, False),  # one too many: the client's own
        ({"Proto": "http", "Host": "a.example"}, False),
        ({}, False),
    ],
)
def test_of_two_proxies_the_first_says_whether_it_is_https_and_who_is_there(
    settings: Settings, client_folder: Path, forwarded: dict[str, str], secure: bool
) -> None:
    services = open_services(settings.model_copy(update={"proxy_hops": 2}), encoder_command=FAKE_WORKER)
    try:
        client = create_app(services, client_folder).test_client()
        headers = {f"X-Forwarded-{name}": value for name, value in forwarded.items()}

        def sign_in(address: str, token: str = "x" * 43) -> Any:
            addresses = {"X-Forwarded-For": f"6.6.6.6, {address}, 10.0.0.1"}
            return client.post("/api/v1/session", json={"token": token}, headers={**headers, **addresses})

        assert [sign_in("1.1.1.1").status_code for _ in range(21)] == [401] * 20 + [429]
        answer = sign_in("2.2.2.2", fresh_token(services))
        assert answer.status_code == 200
        assert ("Secure" in answer.headers["Set-Cookie"]) is secure
        assert ("Strict-Transport-Security" in answer.headers) is secure
    finally:
        stop(services)


def test_without_a_proxy_nobody_chooses_his_address(anonymous: FlaskClient) -> None:
    for number in range(21):
        headers = {"X-Forwarded-For": f"1.1.1.{number}"}
        answer = anonymous.post("/api/v1/session", json={"token": "x" * 43}, headers=headers)
    assert answer.status_code == 429


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/assets/" + "x" * 300, "//evil.example/api", "/api//v1/server"])
def test_odd_paths_lead_nowhere_and_repeat_no_host(anonymous: FlaskClient, path: str) -> None:
    answer = anonymous.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers)


def test_pages_may_send_forms_nowhere_else(anonymous: FlaskClient) -> None:
    assert "form-action 'self'" in anonymous.get("/healthz").headers["Content-Security-Policy"]


def test_invented_methods_do_not_grow_the_figures(script: FlaskClient) -> None:
    for number in range(50):
        script.open("/healthz", method=f"INVENTED{number}")
    assert "INVENTED" not in script.get("/metrics").text


def test_a_mask_of_absurdly_many_runs_is_refused_by_its_length(script: FlaskClient, image: dict[str, Any]) -> None:
    segmentation = {"size": [48, 64], "counts": "1" * (rle.MAX_CHARACTERS + 1)}
    operation = {"kind": "create", "uid": "6a2f41a3-c54c-4ce8-92d2-0324e1c32e22", "category_id": None}
    answer = script.post(
        f"/api/v1/images/{image['id']}/operations",
        json={
            "operation_id": "6a2f41a3-c54c-4ce8-92d2-0324e1c32e23",
            "operation": {**operation, "segmentation": segmentation},
        },
        headers={"If-Match": '"0"'},
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_rle")


def test_the_key_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            secret_key(tmp_path)
    assert list(tmp_path.iterdir()) == []
    key = secret_key(tmp_path)
    assert (len(key), secret_key(tmp_path)) == (32, key)
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(InvalidFile, match="Delete it"):
        secret_key(tmp_path)


def limner(settings: Settings, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "limner", *arguments],
        env={**settings.environment(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LIMNER_MAX_PIXELS": "100M"}, "LIMNER_MAX_PIXELS=100M cannot be used"),
        ({"LIMNER_DATABASE_URL": "nonsense"}, "The database URL cannot be used"),
        ({"LIMNER_DATABASE_URL": "postgresql://x:secret@127.0.0.1:9/x"}, "x:***@127.0.0.1:9/x cannot be opened"),
        ({"LIMNER_BLOB_URL": "ftp://files/x"}, "The blob URL ftp://files/x cannot be used"),
        ({"LIMNER_DATABASE_URL": "sqlite:////nowhere/limner.db"}, "/nowhere/limner.db cannot be opened"),
        ({"LIMNER_DATABASE_URL": "sqlite://"}, "The database URL cannot be used: it names no file"),
        ({"LIMNER_DATABASE_URL": "postgresql://x:secret@[::1/x"}, "The database URL cannot be used"),
        ({"LIMNER_BLOB_URL": __file__}, "test_security.py is a file. Blobs need a folder"),
        ({"LIMNER_HOST": "192.0.2.1"}, "Name an address of this machine with --host"),
        ({"LIMNER_HOME": __file__}, "it is a file; name a folder with --home or LIMNER_HOME"),
    ],
    ids=["number", "url", "away", "blobs", "folder", "memory", "brackets", "blobs file", "address", "file"],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(
    settings: Settings, environment: dict[str, str], said: str
) -> None:
    run = limner(settings, "serve", "--port", "0", **environment)
    assert run.returncode == 1
    assert run.stderr.startswith("limner: ")
    assert said in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert "secret" not in run.stderr


@pytest.mark.parametrize("damage", ["garbage", "cut"])
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("project", "list"), ("backup", "copy")])
def test_a_damaged_database_is_said_in_one_line(settings: Settings, damage: str, command: tuple[str, ...]) -> None:
    stop(open_services(settings, encoder_command=FAKE_WORKER))
    file = settings.home / "limner.db"
    for beside in settings.home.glob("limner.db-*"):
        beside.unlink()
    if damage == "cut":
        os.truncate(file, 5000)
    else:
        file.write_bytes(b"garbage" * 1000)
    run = limner(settings, *command)
    assert run.returncode == 1
    assert run.stderr.startswith("limner: The database ")
    assert len(run.stderr.strip().splitlines()) == 1
    assert "backup" in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
def test_a_command_on_a_disk_that_takes_nothing_more_says_so_in_one_line(settings: Settings) -> None:
    stop(open_services(settings, encoder_command=FAKE_WORKER))
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20)); sys.argv[0] = 'limner';"
        "from limner.cli import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", limited, "project", "create", "Cats"],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("limner: The database ")
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["what?", "100%25", "ha#sh", "a b", "ünï", "amp&x=y", "semi;colon", "-dash"])
def test_everything_lies_in_the_home_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    run = CliRunner().invoke(cli, ["project", "create", "Cats", "--home", str(tmp_path / name)])
    assert run.exit_code == 0, run.output
    assert (tmp_path / name / "limner.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_variable_that_is_empty_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings()
    for name in ("HOME", "HOST", "PORT", "DATABASE_URL", "MAX_PIXELS"):
        monkeypatch.setenv(f"LIMNER_{name}", "")
    assert Settings() == before
    assert Settings().host == "127.0.0.1", "an empty address would be every address of the machine"


def test_a_home_that_is_a_file_and_a_newer_database_are_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    models = settings.models_dir
    run = limner(settings, "user", "link", "--home", str(tmp_path / "file" / "home"))
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert models.is_dir()
    services = open_services(settings, encoder_command=FAKE_WORKER)
    from sqlalchemy import text

    with services.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    stop(services)
    newer = limner(settings, "serve", "--port", "0")
    assert newer.returncode == 1
    assert "newer version of Limner" in newer.stderr
    assert len(newer.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("user", "create", "Ada"),
        ("user", "invite"),
        ("user", "token", "create", "backup"),
        ("project", "create", "Cats"),
        ("models", "promote", "other"),
    ],
)
def test_a_new_home_is_its_owners_alone_whichever_command_makes_it(
    tmp_path: Path, settings: Settings, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new" / "home"
    before = os.umask(0o022)
    try:
        if command[0] == "models":
            promote(home, command[-1])  # the command would measure both first
        else:
            result = CliRunner().invoke(cli, [*command, "--home", str(home)])
            assert result.exit_code == 0, result.output
            assert (home / "limner.db").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert home.stat().st_mode & 0o777 == 0o700
    assert not open_to_others(home)
    home.chmod(0o750)
    assert open_to_others(home)


def test_a_home_that_others_can_read_is_said_when_the_server_starts(settings: Settings) -> None:
    settings.home.chmod(0o755)
    server = Server(settings)
    (said,) = (line for line in server.stop_and_read() if "can read the home" in line)
    assert f"chmod 700 {settings.home}" in said


def test_what_killed_processes_left_in_the_home_is_removed_at_the_start(settings: Settings) -> None:
    below = ("models", "detectors", "text", "graphs", "uploads")
    folders = [settings.home, *(settings.home / each for each in below)]
    left, fresh = [], []
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for paths, digit in ((left, "a"), (fresh, "b")):
            paths.append(folder / f".{digit * 16}.partial")
            paths[-1].write_bytes(b"part")
    for path in left:
        os.utime(path, (0, 0))
    remove_old_uploads(settings.home)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in fresh)


def test_every_answer_carries_the_headers_that_keep_browsers_careful(anonymous: FlaskClient) -> None:
    for path in ("/", "/api/v1/session", "/api/v1/nothing", "/healthz"):
        headers = anonymous.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["Origin-Agent-Cluster"] == "?1"


def test_the_command_line_ends_somebodys_sessions(browser: FlaskClient, settings: Settings) -> None:
    assert browser.get("/api/v1/session").status_code == 200
    result = CliRunner().invoke(cli, ["user", "sign-out", "admin", "--home", str(settings.home)])
    assert result.exit_code == 0, result.output
    assert browser.get("/api/v1/session").status_code == 401
