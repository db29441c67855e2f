"""Models in the encoder's process: loaded when they are asked for, as many at a time as memory is meant for."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch

from limner.config import Settings
from limner.encoding.protocol import Loading, Progress, Ready, Report
from limner.errors import MissingWeights
from limner.models.catalogue import find_by_weights
from limner.models.manifest import graphs_folder
from limner.models.registry import LoadedModel, load_model
from limner.workers.encoder import Encoder, choose_device
from limner_onnx import export_model
from limner_onnx.encoder import OnnxEncoder, open_encoder

Send = Callable[[Report], None]


@dataclass(frozen=True)
class ReadyModel:
    """A model whose encoder runs and whose graphs are there."""

    loaded: LoadedModel
    encoder: Encoder


class LoadedModels:
    """At most ``settings.encoder_models`` at once; the one that was used longest ago makes room.

    Args:
        settings: as the server has them.
        send: takes a report to the server.
    """

    def __init__(self, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._models: OrderedDict[str, ReadyModel] = OrderedDict()  # the one used last comes last

    def start(self) -> None:
        """Load the model that the server starts with, and say how that goes on.

        Raises:
            ModelError: it cannot be loaded.
        """
        name = self._settings.model
        self._send(Progress(message=f"Loading {name}."))
        self._load(name, lambda message: self._send(Progress(message=message)))

    def get(self, model_sha256: str) -> ReadyModel:
        """The model with these weights.

        Raises:
            ModelError: it is not installed, or cannot be loaded.
        """
        if model_sha256 not in self._models:
            self._send(Loading(model_sha256=model_sha256))
            while len(self._models) >= self._settings.encoder_models:  # before, so that both never need memory at once
                self._models.popitem(last=False)
            _give_back_memory()
            name = find_by_weights(model_sha256, self._settings.home).name
            if self._load(name, lambda _: None) != model_sha256:
                raise MissingWeights(
                    f"The weights {model_sha256[:12]}… were replaced by others under the same name.",
                    hint="What is asked for next is encoded by the new ones.",
                )
        self._models.move_to_end(model_sha256)
        return self._models[model_sha256]

    def _load(self, name: str, tell: Callable[[str], None]) -> str:
        settings = self._settings
        loaded = load_model(name, settings.home)
        if not graphs_folder(settings.home, loaded.weights_sha256).exists():
            tell(f"Preparing {name} for the browser; this is done once.")
        export_model(loaded, settings.graphs_dir)
        device = choose_device(settings.device)
        on_cpu = self._on_cpu(loaded, device)
        encoder = Encoder(
            loaded.model,
            device,
            lambda message: self._report_ready(ready, message),
            loaded.cpu_precision,
            on_cpu,
        )
        ready = ReadyModel(loaded, encoder)
        if settings.compile and device.type == "cuda":
            tell(f"Compiling the encoder of {name}; this takes a minute or more.")
            encoder.compile()
        self._models[loaded.weights_sha256] = ready
        self._report_ready(ready, "")
        return loaded.weights_sha256

    def _on_cpu(self, loaded: LoadedModel, device: torch.device) -> OnnxEncoder | None:
        """onnxruntime, where the model's card says that it is the cheaper way on the CPU."""
        if loaded.cpu_runtime == "torch" or device.type != "cpu":
            return None
        folder = graphs_folder(self._settings.home, loaded.weights_sha256)
        return open_encoder(loaded.model, folder, torch.get_num_threads())

    def _report_ready(self, ready: ReadyModel, message: str) -> None:
        self._send(
            Ready(
                device=ready.encoder.device.type,
                model_sha256=ready.loaded.weights_sha256,
                threads=torch.get_num_threads(),
                batch_size=ready.encoder.batch_size,
                beside=ready.encoder.takes_beside,
                message=message,
            )
        )


def _give_back_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
