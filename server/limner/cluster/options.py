"""What is asked of a Ray cluster."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from limner.config import Settings
from limner.encoding.service import WORKER
from limner.errors import InvalidInput
from limner.vocabulary.duties import read_duties


class RayOptions(BaseModel):
    """Where the cluster is and what encoders take of it.

    Attributes:
        address: of the head: ``HOST:PORT``, or ``auto``; both from a machine of the cluster.
        actors: encoders, each a process that Ray places.
        cpus: of each; may be a share.
        gpus: of each; a share below 1 has several encoders on one GPU.
        encoder_command: starts the process with the model that each has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(min_length=1)
    actors: int = Field(default=1, ge=1, le=10_000)
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    encoder_command: tuple[str, ...] = WORKER

    def check(self, settings: Settings) -> Self:
        """Itself.

        Raises:
            InvalidInput: Ray is not installed, a worker cannot be given what it needs, or there is no such duty.
        """
        read_duties(settings.worker_only)
        if find_spec("ray") is None:
            raise InvalidInput("Ray is not installed here.", hint="Install it with: pip install 'limner[cluster]'")
        if "://" in self.address:
            raise InvalidInput(
                f"{self.address} is the address of Ray's client server, by which Limner does not connect.",
                hint="Have this machine join the cluster: ray start --address=HOST:6379 --num-cpus=0. Then: --ray auto",
            )
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise InvalidInput(
                f"An encoder cannot have {self.gpus:g} GPUs.", hint="Give a whole number, or a share below 1."
            )
        if settings.device == "cuda" and not self.gpus:
            raise InvalidInput(
                "An encoder with --device cuda needs a GPU of the cluster.",
                hint="Add --gpus 1, or a share such as 0.5.",
            )
        return self

    def settings_of_actors(self, settings: Settings) -> Settings:
        """These settings for an encoder that has just what Ray gives it of its machine."""
        changed: dict[str, object] = {"workers": 1}
        if settings.device == "auto":
            changed["device"] = "cuda" if self.gpus else "cpu"
        if not self.gpus and not settings.encoder_threads:
            changed["encoder_threads"] = max(1, int(self.cpus))
        return settings.model_copy(update=changed)
