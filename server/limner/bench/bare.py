"""The least that a server which loses nothing can be: Flask and one SQLite table, WAL with ``synchronous=FULL``.

``python -m limner.bench.bare DATABASE`` prints its port and serves until its standard input ends. ``POST`` inserts the
body as a row in a transaction of its own; ``GET`` reads one row. No users, no checks, no history.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server


def create_app(path: str) -> Flask:
    """The endpoint over a new database."""
    app = Flask("bare")
    lock, connections = threading.Lock(), threading.local()  # the lock: SQLite's own is waited for by polling

    def connection() -> sqlite3.Connection:
        if not hasattr(connections, "own"):
            connections.own = sqlite3.connect(path, isolation_level=None)
            connections.own.execute("PRAGMA journal_mode = WAL")
            connections.own.execute("PRAGMA synchronous = FULL")
        own: sqlite3.Connection = connections.own
        return own

    connection().execute("CREATE TABLE saved (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    @app.post("/")
    def save() -> dict[str, int | None]:
        body = request.get_data()
        with lock:
            connection().execute("BEGIN IMMEDIATE")
            row = connection().execute("INSERT INTO saved (body) VALUES (?)", (body,))
            connection().execute("COMMIT")
        return {"id": row.lastrowid}

    @app.get("/")
    def read() -> Response:
        row = connection().execute("SELECT body FROM saved ORDER BY id DESC LIMIT 1").fetchone()
        return Response(row[0] if row else b"", status=HTTPStatus.OK)

    return app


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until nobody is there any more."""
    server = make_server("127.0.0.1", 0, create_app(sys.argv[1]), threaded=True, request_handler=_Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
