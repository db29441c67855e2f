"""A real nginx that runs in the foreground, from a folder of its own, as whoever runs the tests."""

from __future__ import annotations

import os
import shutil
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
