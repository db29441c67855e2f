"""A detector as one ONNX graph: the features of one image by name -> boxes, objectness and categories."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from limner.atomic import replacing
from limner.errors import ExportFailed
from limner.heads.detector import Detections, Detector
from limner_onnx.check import relative_difference
from limner_onnx.graphs import example_features

OUTPUTS = Detections._fields
HALVED = 1024  # numbers; smaller constants are not worth a cast
MAX_DIFFERENCE = 1e-4  # of the range of torch's answers


class OnnxDetector:
    """An exported detector in onnxruntime.

    Args:
        path: what :func:`export_detector` wrote.
        threads: of the CPU; 0 for as many as there are cores.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._outputs = [node.name for node in self._session.get_outputs()]

    def __call__(self, features: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Features (1, C, h, w) -> what :class:`Detections` names; without categories, where there are none."""
        return dict(zip(self._outputs, self._session.run(None, dict(features)), strict=True))


def export_detector(detector: Detector, path: Path) -> float:
    """Write the graph; the largest difference between torch and onnxruntime, relative to the range of the answers.

    Raises:
        ExportFailed: it is above ``MAX_DIFFERENCE``; nothing was written then.
    """
    detector = detector.eval()
    config = detector.config
    features = {name: values.float() for name, values in example_features(config.features).items()}
    names = list(OUTPUTS if config.categories else OUTPUTS[:2])
    with replacing(path) as partial:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the graph is for features of one size, which is what the tracer warns of
            torch.onnx.export(
                _Named(detector),
                tuple(features.values()),
                str(partial),
                input_names=list(features),
                output_names=names,
                dynamo=False,
            )
        _halve(partial)
        with torch.inference_mode():
            expected = detector(features)
        found = OnnxDetector(partial, threads=1)({name: values.numpy() for name, values in features.items()})
        largest = max(relative_difference(found[name], getattr(expected, name).numpy()) for name in names)
        if not largest <= MAX_DIFFERENCE:  # also true for NaN
            raise ExportFailed(
                f"onnxruntime and torch differ by {largest:.1e} of the detector's answers.",
                hint=f"At most {MAX_DIFFERENCE:.0e} is accepted. Are the weights finite?",
            )
    return largest


def _halve(path: Path) -> None:
    """Store constants in 16 bits, with a cast that a runtime does once, where that changes none of their values.

    Weights of detectors are kept in 16 bits, so the graph needs no more either.
    """
    graph = onnx.load(path)
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        halved = values.astype(np.float16)
        if values.size < HALVED or not np.array_equal(halved.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(halved, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    for index, cast in enumerate(casts):
        graph.graph.node.insert(index, cast)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


class _Named(nn.Module):
    """The detector with its features one after the other."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, *features: Tensor) -> tuple[Tensor, ...]:
        names = [spec.name for spec in self.detector.config.features]
        found: Detections = self.detector(dict(zip(names, features, strict=True)))
        return tuple(found) if self.detector.config.categories else tuple(found)[:2]
