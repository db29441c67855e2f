"""What one server takes on: deadlines of sockets, threads for each kind of request, and how long one waits for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

KIB = 1 << 10
MIB = 1 << 20


class Lane(StrEnum):
    """Kinds of requests that do not wait for one another: each has threads of its own."""

    PROBE = "probe"
    """Health and figures: answered however busy the rest is."""
    QUICK = "quick"
    """The database alone: lists, saves, sign-in."""
    FILE = "file"
    """Bytes of images, embeddings and the client; with S3 these wait for a network."""
    PROVIDER = "provider"
    """Waits for a sign-in provider, which may answer late or not at all."""
    SLOW = "slow"
    """Seconds of work each: uploads, imports, exports."""


LANES: dict[str, Lane] = {
    "health.healthz": Lane.PROBE,
    "health.readyz": Lane.PROBE,
    "health.metrics": Lane.PROBE,
    "client.page": Lane.FILE,
    "client.file": Lane.FILE,
    "images.get_file": Lane.FILE,
    "images.get_thumbnail": Lane.FILE,
    "images.get_masks_picture": Lane.FILE,
    "verification.get_crop": Lane.FILE,
    "embeddings.get_embedding": Lane.FILE,
    "server.get_graph": Lane.FILE,
    "sign_in_providers.begin_sign_in": Lane.PROVIDER,
    "sign_in_providers.finish_sign_in": Lane.PROVIDER,
    "sign_in_providers.connect_identity": Lane.PROVIDER,
    "images.upload_images": Lane.SLOW,
    "imports.import_annotations": Lane.SLOW,
    "exports.export_project": Lane.SLOW,
}
"""The lane of each endpoint; those that are not named are quick."""


@dataclass(frozen=True)
class LaneLimits:
    """Threads of a lane, and how long a request waits for one before it is turned away with 503."""

    threads: int
    wait_seconds: float


@dataclass(frozen=True)
class Limits:
    """Limits of one process. Those of sockets hold before anybody has shown credentials.

    Attributes:
        connections: open at once.
        connections_per_address: open at once from one address; not counted behind a proxy.
        silent_connections: that have not sent a whole request yet; beyond this the oldest of them is closed.
        header_bytes: of one request, before its body.
        header_seconds: from the first byte of a request, or from connecting, to the end of its headers.
        idle_seconds: between two requests of a connection.
        body_stall_seconds: between two pieces of a body.
        body_grace_seconds, body_bytes_per_second: a body may take the one, plus its size at the other.
        body_memory: bytes of a body kept before somebody has shown credentials; and in memory.
        write_seconds: for a client to take one piece of ``piece_bytes``.
        spools: answers that lie on the disk until slow clients have taken them.
        drain_seconds: for requests in flight at shutdown.
    """

    connections: int = 2000
    connections_per_address: int = 512
    silent_connections: int = 256
    header_bytes: int = 64 * KIB
    header_seconds: float = 10.0
    idle_seconds: int = 30
    body_stall_seconds: float = 20.0
    body_grace_seconds: float = 30.0
    body_bytes_per_second: int = 16 * KIB
    body_memory: int = 64 * KIB
    write_seconds: float = 30.0
    piece_bytes: int = 256 * KIB
    spools: int = 64
    drain_seconds: int = 30
    lanes: dict[Lane, LaneLimits] = field(
        default_factory=lambda: {
            Lane.PROBE: LaneLimits(2, 2.0),
            Lane.QUICK: LaneLimits(24, 1.0),
            Lane.FILE: LaneLimits(16, 5.0),
            Lane.PROVIDER: LaneLimits(4, 10.0),
            Lane.SLOW: LaneLimits(6, 20.0),
        }
    )
