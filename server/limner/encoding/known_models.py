"""What the encoder's process has said about models. Not thread-safe: the service locks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.encoding.protocol import Ready
from limner.encoding.targets import MAX_CRASHES, RETRY_AFTER
from limner.models.manifest import Manifest, graphs_folder


@dataclass(frozen=True)
class _Trouble:
    message: str
    expires: float  # time.monotonic() after which it may be tried again


class KnownModels:
    """Models by the hash of their weights.

    Args:
        home: Limner's folder, where the graphs are.

    Attributes:
        loading: what is being loaded now.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._manifests: dict[str, Manifest] = {}
        self._batch_sizes: dict[str, int] = {}
        self._beside: set[str] = set()  # those that take one target beside a batch
        self._troubles: dict[str, _Trouble] = {}
        self._crashes: dict[str, int] = {}
        self._asked: set[str] = set()
        self.loading: str | None = None

    def ready(self, report: Ready) -> None:
        """A model is loaded and its graphs are there."""
        model = report.model_sha256
        self._manifests[model] = Manifest.read(graphs_folder(self._home, model))
        self._batch_sizes[model] = report.batch_size
        (self._beside.add if report.beside else self._beside.discard)(model)
        self.loading = None
        self._asked.discard(model)
        self._troubles.pop(model, None)
        self._crashes.pop(model, None)

    def unusable(self, model: str, message: str) -> None:
        """A model cannot be loaded."""
        self._troubles[model] = _Trouble(message, time.monotonic() + RETRY_AFTER)
        self._asked.discard(model)
        self.loading = None

    def restarted(self) -> str | None:
        """The process is gone. The model over which it was lost, if it was loading one."""
        model, self.loading = self.loading, None
        self._asked.clear()
        if model is not None:
            self._crashes[model] = self._crashes.get(model, 0) + 1
        return model

    def is_given_up(self, model: str) -> bool:
        """Whether the process was lost so often while it loaded this model that it is not tried again."""
        return self._crashes.get(model, 0) >= MAX_CRASHES

    def ask(self, model: str) -> bool:
        """Whether the process is to be asked for this model: it has not been yet."""
        if model in self._asked:
            return False
        self._asked.add(model)
        return True

    def batch_size(self, model: str, unknown: int) -> int:
        """How many targets may be sent at once; ``unknown`` before the model was loaded."""
        return self._batch_sizes.get(model, unknown)

    def takes_beside(self, model: str) -> bool:
        """Whether one target more may be sent while a batch is in hand."""
        return model in self._beside

    def manifest(self, model: str) -> Manifest | None:
        """None until the process has seen to it that the graphs are there."""
        return self._manifests.get(model)

    def trouble(self, model: str) -> str | None:
        """Why a model cannot be used; None when nothing is known, or it may be tried again."""
        found = self._troubles.get(model)
        return found.message if found is not None and found.expires > time.monotonic() else None

    @property
    def troubles(self) -> Mapping[str, str]:
        """Models that could not be used when they were tried last, and why."""
        return {model: trouble.message for model, trouble in self._troubles.items()}

    def forget_troubles(self) -> None:
        """Whatever could not be used may be tried again."""
        self._troubles.clear()
        self._crashes.clear()
