"""Settings: from ``LIMNER_*`` in the environment, overridden by the command line."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from pydantic import ByteSize, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from limner.atomic import make_folder
from limner.errors import InvalidInput
from limner.models.default import read_default
from limner.vocabulary.devices import Device

MEGAPIXEL = 1_000_000
MIB = 1 << 20


class Settings(BaseSettings):
    """Everything that can be configured, with defaults that suit one machine.

    Args:
        home: the folder that holds the database, blobs, models, exported graphs and the secret key.
        database_url: a SQLAlchemy URL; SQLite in the home by default, ``postgresql+psycopg://…`` for PostgreSQL.
        blob_url: where image and embedding bytes live: a folder or ``s3://bucket/prefix``.
        model: name of the model that encodes and segments; by default the home's (``limner models promote``), which is
            Samlet until another was promoted.
        device: where the encoder runs; ``auto`` takes CUDA when there is one.
        host: interface to listen on.
        port: TCP port to listen on.
        workers: web processes that ``serve`` starts on one port; more than one needs PostgreSQL.
        worker_only: what ``limner worker`` does, names of ``limner.vocabulary.duties`` with commas; empty: all.
        max_pixels: largest image accepted, in pixels.
        max_upload_bytes: largest request body accepted.
        encoder_threads: CPU threads of the encoder process; 0 leaves it to torch.
        encoder_models: models that the encoder process keeps in memory at most, where projects use several.
        encoder_timeout: seconds without an answer after which the encoder process counts as hanging and is started
            again; more where images usually take longer.
        max_embedding_bytes: what embeddings may take in the blob store, such as ``200GB``; beyond it those used longest
            ago and made again most cheaply are removed, and made again when somebody needs them. 0: no limit.
        compile: have torch compile the encoder on a GPU: the start takes a minute longer, batches less time.
        proxy_hops: proxies in front of the server whose X-Forwarded-* headers are believed; 0 for none.
        root_path: the path below which a proxy shows Limner, such as ``/limner``; empty for none.
        webhooks_to_private: whether webhooks may go to addresses of this machine and of private networks.
        oidc_file: the TOML file of sign-in providers; by default ``oidc.toml`` in the home, if it is there.
        client_folder: a built web client to serve instead of the one in the package.
    """

    model_config = SettingsConfigDict(
        env_prefix="LIMNER_", env_ignore_empty=True, frozen=True, ignored_types=(cached_property,)
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".limner")
    database_url: str = ""
    blob_url: str = ""
    model: str = Field(default_factory=lambda given: read_default(given["home"]).name)
    device: Device = "auto"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    worker_only: str = ""
    max_pixels: int = Field(default=100 * MEGAPIXEL, ge=1)
    max_upload_bytes: int = Field(default=1024 * MIB, ge=1)
    encoder_threads: int = Field(default=0, ge=0)
    encoder_models: int = Field(default=2, ge=1)
    encoder_timeout: float = Field(default=300.0, gt=0)
    max_embedding_bytes: ByteSize = Field(default=ByteSize(0), ge=0)
    compile: bool = False
    proxy_hops: int = Field(default=0, ge=0, le=10)
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*/?$")
    webhooks_to_private: bool = False
    oidc_file: Path | None = None
    client_folder: Path | None = None

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        absolute = home.expanduser().absolute()
        if absolute.exists() and not absolute.is_dir():
            raise ValueError("it is a file; name a folder with --home or LIMNER_HOME")
        return absolute

    @field_validator("root_path")
    @classmethod
    def _without_slash(cls, path: str) -> str:
        return path.rstrip("/")

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the server, unless it was started with another host or port."""
        return address_of(self.host, self.port) + self.root_path

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL in force. A plain ``postgresql://`` is given the psycopg 3 driver."""
        file = str(self.home / "limner.db").replace("%", "%25").replace("?", "%3F")  # which mean something in URLs
        url = self.database_url or f"sqlite:///{file}"
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url

    @property
    def resolved_blob_url(self) -> str:
        """The blob store's URL in force."""
        return self.blob_url or str(self.home / "blobs")

    @property
    def models_dir(self) -> Path:
        """Installed models: one folder each with weights.safetensors and model.json."""
        return self.home / "models"

    @property
    def graphs_dir(self) -> Path:
        """Exported ONNX graphs: one folder for each weights' sha256."""
        return self.home / "graphs"

    @property
    def default_oidc_file(self) -> Path:
        """Where sign-in providers are looked for when nobody says where."""
        return self.home / "oidc.toml"

    def environment(self) -> dict[str, str]:
        """The process environment with these settings in it, for child processes."""
        given = self.model_dump(exclude_none=True)
        return {**os.environ, **{f"LIMNER_{name.upper()}": str(value) for name, value in given.items()}}


def address_of(host: str, port: int) -> str:
    """The address of a host and port to open in a browser on this machine."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def open_to_others(home: Path) -> bool:
    """Whether other users of the machine can look into a home: those of earlier versions were made so."""
    return os.name == "posix" and bool(home.stat().st_mode & 0o077)


def make_home(home: Path) -> None:
    """Make the folder of all that is stored, for its owner only; one that exists keeps its permissions.

    Raises:
        InvalidInput: it cannot be made, or nothing can be written there.
    """
    try:
        make_folder(home, mode=0o700)
        writable = os.access(home, os.W_OK | os.X_OK)
    except OSError as error:
        raise InvalidInput(
            f"The home {home} cannot be made: {error.strerror}.",
            hint="Name another folder with --home or LIMNER_HOME.",
        ) from error
    if not writable:
        raise InvalidInput(
            f"Nothing can be written in the home {home}.",
            hint="Have it belong to the user who starts Limner, or name another with --home or LIMNER_HOME.",
        )
