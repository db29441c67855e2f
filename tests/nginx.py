"""A real nginx that runs in the foreground, from a folder of its own, as whoever runs the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path


def nginx_command(servers: str, folder: Path) -> list[str]:
    """Write the configuration with these ``server`` blocks into the folder; the command that serves it."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places}\n{servers} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"  # which not every PATH has
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def passing_on(to: int, port: int) -> str:
    """A ``server`` block for :func:`nginx_command`: one port's requests go on to another, as docs/deploy.md says."""
    return _server(f"127.0.0.1:{to}", port)


def passing_on_to_hosts(to: Sequence[str], port: int) -> str:
    """The same to whichever of several hosts (``ADDRESS:PORT``) can be reached, as docs/deploy.md says."""
    members = "".join(f"server {each} max_fails=1 fail_timeout=10s; " for each in to)
    return f"upstream limner {{ {members} }}\n{_server('limner', port, 'proxy_connect_timeout 2s; ')}"


def _server(to: str, port: int, more: str = "") -> str:
    return (
        f"server {{ listen 127.0.0.1:{port}; location / {{\n"
        f"proxy_pass http://{to}; proxy_http_version 1.1; proxy_set_header Connection ''; "
        "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Host $http_host; "
        "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; "
        f"client_max_body_size 1g; proxy_request_buffering off; proxy_read_timeout 120s; {more}}}}}"
    )
