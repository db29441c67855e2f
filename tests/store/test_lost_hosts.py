"""A host that is cut off from PostgreSQL without a word: what it has locked is free soon, and it does not wait."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import make_url, text

from limner.store import Database
from limner.store.images import NewImage, add_image
from limner.store.lost_hosts import NOTICED_AFTER, client_options
from limner.store.migrate import migrate
from limner.store.projects import create_project
from tests.hosts import Host, network
from tests.postgres import make_database, running_postgres

PATIENCE = 3 * NOTICED_AFTER  # s, on a busy machine

HOLD = """
import sys, time
from sqlalchemy import text
from limner.store import Database
with Database(sys.argv[1]).write() as session:
    session.execute(text("UPDATE images SET file_name = 'held'"))
    print("held", flush=True)
    time.sleep(600)
"""
WAIT = """
import sys
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from limner.store import Database
with Database(sys.argv[1]).connect() as connection:
    print("asks", flush=True)
    try:
        connection.execute(text("SELECT pg_sleep(600)"))
    except DBAPIError as error:
        print("noticed", type(error.orig).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def apart() -> Iterator[tuple[str, Host]]:
    """URL of a database with one image, and a host from which it can be reached."""
    with network(1) as lan, running_postgres(lan.address) as server:
        url = make_database(server.url, "limner")
        with closing(Database(url)) as database:
            migrate(database)
            with database.write() as session:
                project = create_project(session, "Cats").id
                add_image(session, project, NewImage("1.png", 8, 8, "0" * 64, 5, "PNG", "image/png"))
        yield url, lan.hosts[0]


@contextmanager
def _cut_off(host: Host, program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs there and has said its first word, after which the host's cable is pulled."""
    command = [*host.prefix, sys.executable, "-c", program, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() in ("held\n", "asks\n")
            host.unplug()
            yield process
        finally:
            host.plug()
            process.kill()


@pytest.mark.slow
def test_what_a_lost_host_has_locked_is_free_soon(apart: tuple[str, Host]) -> None:
    url, host = apart
    with _cut_off(host, HOLD, url), closing(Database(url)) as database:
        with database.write() as session:
            session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
            session.execute(text("UPDATE images SET file_name = 'free'"))
        with database.read() as session:
            assert session.scalar(text("SELECT file_name FROM images")) == "free"


@pytest.mark.slow
def test_a_process_that_is_cut_off_from_the_database_notices(apart: tuple[str, Host]) -> None:
    url, host = apart
    with _cut_off(host, WAIT, url) as waiting:
        said, _ = waiting.communicate(timeout=PATIENCE)
    assert said == "noticed OperationalError\n"


def test_what_the_url_says_itself_stays() -> None:
    options = client_options(make_url("postgresql+psycopg://db/limner?connect_timeout=3&keepalives_idle=60"))
    assert sorted(options) == ["keepalives_count", "keepalives_interval", "tcp_user_timeout"]
