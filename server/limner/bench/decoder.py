"""``limner bench decoder``: what one click costs, against the published package's ONNX export.

In native onnxruntime here, in onnxruntime-web in a real browser in :mod:`limner.bench.browser`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from limner.bench import browser
from limner.bench.contenders import CASES, OFFICIAL, PUBLISHED, Case, Models, cases_of, reference_of
from limner.bench.harness import Result, compare, progress
from limner.sam.model import PromptableModel
from limner.vocabulary.geometry import ImageGeometry, upsample_logits
from limner_onnx.check import OnnxModel
from limner_onnx.graphs import PROMPT_INPUTS, example_features

Arrays = tuple[NDArray[np.float32], ...]
Click = Callable[[], object]


def run(
    folder: Path, models: Models, threads: tuple[int, ...], rounds: int, *, native: bool = True, in_browser: bool = True
) -> Iterator[Result]:
    """The comparisons, one by one as they finish.

    Args:
        folder: where ``write_contenders`` wrote.
        models: what it returned.
        threads: numbers of onnxruntime's CPU threads to measure with.
        rounds: timed clicks of each contender in each case.
        native: measure in native onnxruntime.
        in_browser: measure in onnxruntime-web in Chromium.
    """
    torch.set_num_threads(1)
    for count in threads if native else ():
        yield from run_native(folder, {name: model for name, (model, _) in models.items()}, count, rounds)
    if in_browser:
        yield from browser.run(folder, models, threads, rounds)


def run_native(folder: Path, models: dict[str, PromptableModel], threads: int, rounds: int) -> Iterator[Result]:
    """The comparisons in native onnxruntime, of what ``write_contenders`` wrote."""
    notes = f"native, {threads} thread(s)"
    for name, model in models.items():
        progress(f"Measuring {name} in native onnxruntime, {threads} thread(s)")
        ours = OnnxModel(folder / name / "prepare.onnx", folder / name / "decode.onnx", threads)
        reference = reference_of(name)
        theirs, session = models[reference.model], Session(folder / reference.file, threads)
        for case in cases_of(model.config):
            prepared = ours.prepare(features_of(model), case.valid_size)
            yield compare(
                f"{name}: {case.name}",
                ("limner", _decode(ours, prepared, prompt_of(model, case))),
                (reference.title, session.click(features_of(theirs), prompt_of(theirs, case))),
                rounds=rounds,
                notes=notes,
            )
    sam = models.get(OFFICIAL.model)
    if sam is None:
        return
    features = features_of(sam)
    ours = OnnxModel(folder / "sam_vit_b" / "prepare.onnx", folder / "sam_vit_b" / "decode.onnx", threads)
    prepared, point = ours.prepare(features, CASES[1].valid_size), prompt_of(sam, CASES[1])
    for published in PUBLISHED:
        geometry = published.geometry
        yield compare(
            f"sam_vit_b: 1 point, mask of {geometry.width} × {geometry.height}",
            ("limner, numpy upsampling", _decode_and_upsample(ours, prepared, point, geometry)),
            (published.title, Session(folder / published.file, threads).click(features, point)),
            rounds=max(1, rounds // 3),
            notes=notes,
        )


class Session:
    """A published graph in onnxruntime."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def click(self, features: Mapping[str, NDArray[np.float32]], prompt: Arrays) -> Click:
        """One decode, ready to be timed."""
        feeds = {**features, **dict(zip(PROMPT_INPUTS, prompt, strict=True))}
        return lambda: self.session.run(None, feeds)


def features_of(model: PromptableModel) -> dict[str, NDArray[np.float32]]:
    """Seeded features for one model."""
    return {name: values.numpy() for name, values in example_features(model.config.features).items()}


def prompt_of(model: PromptableModel, case: Case) -> Arrays:
    """The prompt's four arrays for one model."""
    return tuple(tensor.numpy() for tensor in case.prompt(model.config))


def _decode(model: OnnxModel, prepared: dict[str, NDArray[np.float32]], prompt: Arrays) -> Click:
    return lambda: model.decode(prepared, prompt)


def _decode_and_upsample(
    model: OnnxModel, prepared: dict[str, NDArray[np.float32]], prompt: Arrays, geometry: ImageGeometry
) -> Click:
    def click() -> NDArray[np.bool_]:
        low_res_masks, iou_predictions = model.decode(prepared, prompt)
        chosen = 1 + int(np.argmax(iou_predictions[0, 1:]))
        return upsample_logits(low_res_masks[0, chosen], geometry) > 0

    return click
