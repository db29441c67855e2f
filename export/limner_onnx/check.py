"""The exported graphs against the model they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from limner.errors import ExportFailed
from limner.sam.model import PromptableModel
from limner_onnx.graphs import PROMPT_INPUTS, VALID_SIZE, WHOLE, example_features, example_prompt

MAX_DIFFERENCE = 1e-4  # of the range of the reference

# (labels, with a mask prompt); label -1 is padding, 2 and 3 are the corners of a box
PROMPTS: tuple[tuple[list[int], bool], ...] = (
    ([1, -1], False),
    ([1, 0, 1, 0, -1], False),
    ([2, 3], False),
    ([1, 1, 0, 2, 3], False),
    ([1, -1], True),
    ([0, 1, 0, 2, 3], True),
    ([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, -1], False),
)


Prompt = Sequence[NDArray[np.float32]]  # in the order of DecoderPrompt


class OnnxModel:
    """The two graphs in onnxruntime, driven as the page drives them."""

    def __init__(self, prepare: Path, decode: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.prepare_session = onnxruntime.InferenceSession(prepare, options, ["CPUExecutionProvider"])
        self.decode_session = onnxruntime.InferenceSession(decode, options, ["CPUExecutionProvider"])

    def prepare(
        self,
        features: Mapping[str, NDArray[np.float32]],
        valid_size: tuple[int, int] | None = None,
        *,
        whole: bool = True,
    ) -> dict[str, NDArray[np.float32]]:
        """Features and how many rows and columns of the first count, by default all -> the prepared tensors by name.

        Of what is not ``whole`` some work is left to :meth:`decode`, where the model can.
        """
        names = [output.name for output in self.prepare_session.get_outputs()]
        cells = valid_size or next(iter(features.values())).shape[2:]
        inputs: tuple[NDArray[Any], ...] = (*features.values(), np.array(cells, np.int64), np.array([whole], np.int64))
        tensors = self.prepare_session.run(names, _wanted(self.prepare_session, (*features, VALID_SIZE, WHOLE), inputs))
        return dict(zip(names, tensors, strict=True))

    @property
    def can_leave_out(self) -> bool:
        """Whether :meth:`prepare` can be told to leave work to :meth:`decode`."""
        return any(node.name == WHOLE for node in self.prepare_session.get_inputs())

    def decode(
        self, prepared: Mapping[str, NDArray[np.float32]], prompt: Prompt
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Prepared tensors and the arrays of a prompt -> low_res_masks (1, count, G, G), iou_predictions (1, count)."""
        low_res_masks, iou_predictions, *_ = self.answer(prepared, prompt)
        return low_res_masks, iou_predictions

    def answer(self, prepared: Mapping[str, NDArray[np.float32]], prompt: Prompt) -> tuple[NDArray[np.float32], ...]:
        """As :meth:`decode`, and all else that the graph gives, in its order."""
        names = (*prepared, *PROMPT_INPUTS)
        feeds = _wanted(self.decode_session, names, (*prepared.values(), *prompt))
        return tuple(self.decode_session.run(None, feeds))


def _wanted(
    session: onnxruntime.InferenceSession, names: Iterable[str], tensors: Iterable[NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Tensors by name, of those that the graph takes: what a model has no use for is not among its inputs."""
    wanted = {node.name for node in session.get_inputs()}
    return {name: tensor for name, tensor in zip(names, tensors, strict=True) if name in wanted}


@torch.inference_mode()
def largest_difference(model: PromptableModel, onnx: OnnxModel) -> float:
    """Largest difference between torch and onnxruntime over several prompts, relative to the range of the logits.

    Raises:
        ExportFailed: when it is above ``MAX_DIFFERENCE``; the graphs must then not be used.
    """
    config = model.config
    features = example_features(config.features)
    images = [onnx.prepare({name: values.numpy() for name, values in features.items()}, whole=True)]
    if onnx.can_leave_out:
        images.append(onnx.prepare({name: values.numpy() for name, values in features.items()}, whole=False))
    largest = 0.0
    for (seed, (labels, has_mask)), prepared in product(enumerate(PROMPTS), images):
        prompt = example_prompt(config, labels, has_mask and config.prompts.mask, seed)
        expected = model.answer(features, prompt)
        found = onnx.answer(prepared, [tensor.numpy() for tensor in prompt])
        # What the graph gives beyond that, masks are made of; the plain model has nothing like it.
        for ours, reference in zip(found[: len(expected)], expected, strict=True):
            difference = relative_difference(ours, reference.numpy())
            if not difference <= MAX_DIFFERENCE:  # also true for NaN
                raise ExportFailed(
                    f"onnxruntime and torch differ by {difference:.1e} of the range, for point labels {labels}"
                    f"{' and a mask' if has_mask else ''}.",
                    hint=f"At most {MAX_DIFFERENCE:.0e} is accepted. Are the weights finite?",
                )
            largest = max(largest, difference)
    return largest


def relative_difference(ours: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Largest absolute difference over the largest absolute value of the reference; of a lone number over 1 at least.

    A lone number may be 0 by chance, and says nothing of the range that it is of.
    """
    least = 1.0 if reference.size == 1 else 0.0
    return float(np.abs(ours - reference).max() / max(np.abs(reference).max(), least))
