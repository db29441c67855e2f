"""The image encoder as one ONNX graph: on CPUs onnxruntime runs small encoders in less than half the time."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from limner.atomic import make_folder, replacing
from limner.errors import ExportFailed
from limner.sam.model import PromptableModel

GRAPH_FILE = "encode-2.onnx"  # another name when the graph is another: files are kept
MAX_DIFFERENCE = 1e-3  # relative to torch, of seeded noise; what is measured is about 1e-6
SEED = 0


class OnnxEncoder:
    """An exported encoder, opened.

    Args:
        path: what :func:`write_encoder` wrote.
        threads: of the CPU.
    """

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        self._features = [output.name for output in self._session.get_outputs()]

    def __call__(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Normalised image (1, 3, S, S) -> its features (1, C, h, w)."""
        return dict(zip(self._features, self._session.run(None, {"images": images}), strict=True))


def open_encoder(model: PromptableModel, folder: Path, threads: int) -> OnnxEncoder:
    """The encoder of ``model``; exported into ``folder`` when it is not there yet.

    The file appears whole or not at all, also when several processes export at once.

    Raises:
        ExportFailed: when onnxruntime and torch disagree.
    """
    path = folder / GRAPH_FILE
    if not path.is_file():
        make_folder(folder)
        with replacing(path) as partial:
            write_encoder(model, partial)
            _check(model, OnnxEncoder(partial, threads))
    return OnnxEncoder(path, threads)


def write_encoder(model: PromptableModel, path: Path) -> None:
    """Trace the encoder for one image at a time."""
    side = model.config.image_size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the graph is of one size only, which is what the tracer warns of
        torch.onnx.export(
            _Encoder(model).eval(),  # the exporter leaves the whole model in the mode that it found
            (torch.zeros(1, 3, side, side),),
            str(path),
            input_names=["images"],
            output_names=[feature.name for feature in model.config.features],
            dynamo=False,
        )


class _Encoder(nn.Module):
    """The encoder alone, its features one after the other."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.model.encode(images)
        return tuple(features[spec.name] for spec in self.model.config.features)


def _check(model: PromptableModel, encoder: OnnxEncoder) -> None:
    side = model.config.image_size
    images = np.random.default_rng(SEED).normal(size=(1, 3, side, side)).astype(np.float32)
    with torch.inference_mode():
        exact = model.encode(torch.from_numpy(images))
    for name, values in encoder(images).items():
        reference = exact[name].numpy()
        difference = float(np.linalg.norm(values - reference) / np.linalg.norm(reference))
        if not difference < MAX_DIFFERENCE:
            raise ExportFailed(
                f"The encoder's {name} differ between onnxruntime and torch by {difference:.1e}.",
                hint="Put cpu_runtime back to torch in the model's card, and report this.",
            )
