"""Both sides of ``limner bench decoder`` as files: Limner's graphs and the published package's export.

The weights are seeded, SAM's the same on both sides. The published export is written cut off at the low-resolution
logits, where Limner's graphs end too, and as it is, upsampling inside its graph.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from limner.bench.harness import progress
from limner.bench.reference import reference_package
from limner.models.manifest import Manifest
from limner.models.registry import LoadedModel, build_model
from limner.sam.model import DecoderPrompt, ModelConfig, PromptableModel
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner_onnx.exporter import write_graphs
from limner_onnx.graphs import OPSET, PROMPT_INPUTS, example_features, example_prompt

SEED = 0
MODELS = ("sam_vit_b", "samlet")
LOW_RES = "official.onnx"
SQUARE, LANDSCAPE = (64, 64), (43, 64)  # rows and columns of the embedding that a 1:1 and a 2:3 image need


@dataclass(frozen=True)
class Case:
    """A prompt on an image: labels (-1 padding, 2 and 3 the corners of a box), mask prompt or not, cells needed."""

    name: str
    labels: tuple[int, ...]
    has_mask: bool = False
    valid_size: tuple[int, int] = SQUARE

    def prompt(self, config: ModelConfig) -> DecoderPrompt:
        """The prompt, seeded."""
        return example_prompt(config, list(self.labels), self.has_mask)


POINT, FIVE_POINTS, BOX = (1, -1), (1, 0, 1, 0, 1, -1), (2, 3)
CASES = (
    Case("1 point", POINT),
    Case("1 point, 2:3 image", POINT, valid_size=LANDSCAPE),
    Case("box", BOX),
    Case("5 points", FIVE_POINTS),
    Case("24 points", (1, 0) * 12 + (-1,)),
    Case("1 point and mask", POINT, has_mask=True),
    Case("box and mask", BOX, has_mask=True),
    Case("5 points and mask", FIVE_POINTS, has_mask=True),
)


@dataclass(frozen=True)
class Published:
    """One way to export the published model with its upsampling: for images of one size, one mask or all.

    All four is the default of the package's script; its notebook asks for the one with the best score.
    """

    geometry: ImageGeometry
    single: bool

    @property
    def file(self) -> str:
        """Name of its graph."""
        return f"published-{self.geometry.height}-{self.geometry.width}{'' if self.single else '-all'}.onnx"

    @property
    def title(self) -> str:
        """As tables name it."""
        return f"official, as published, {'one mask' if self.single else 'all masks'}"


LARGE = ImageGeometry(3300, 4950, 1024)
PUBLISHED = (Published(ImageGeometry(683, 1024, 1024), True), Published(LARGE, True), Published(LARGE, False))


Models = dict[str, tuple[PromptableModel, Manifest]]


def write_contenders(folder: Path, names: tuple[str, ...] = MODELS) -> Models:
    """Write ``official.onnx``, what ``PUBLISHED`` names, and a folder of graphs and manifest for each model.

    Raises:
        Unavailable: when the published package is not installed.
        ExportFailed: when a graph does not give what its model gives.
    """
    progress("Exporting the published decoder, seeded")
    sam = build_model("sam_vit_b", SEED)
    reference = reference_package().sam_model_registry["vit_b"](checkpoint=None).eval()
    reference.load_state_dict(sam.state_dict())
    write_official(LowRes(reference), folder / LOW_RES)
    for published in PUBLISHED:
        progress(f"Exporting it as published: {published.file}")
        write_official(Upsampling(reference, published), folder / published.file)
    written = {}
    for name in names:
        progress(f"Exporting Limner's graphs of {name}")
        model = sam if name == "sam_vit_b" else build_model(name, SEED)
        (folder / name).mkdir()
        seeded = LoadedModel(model, name, hashlib.sha256(f"{name} {SEED}".encode()).hexdigest())
        written[name] = (model, write_graphs(seeded, folder / name))
    return written


class LowRes(nn.Module):
    """The published ONNX model without its upsampling."""

    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.model = _onnx_model(sam)

    def forward(self, image_embeddings: Tensor, *prompt: Tensor) -> tuple[Tensor, Tensor]:
        point_coords, point_labels, mask_input, has_mask_input = prompt
        masks, scores = self.model.mask_decoder.predict_masks(
            image_embeddings=image_embeddings,
            image_pe=self.model.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=self.model._embed_points(point_coords, point_labels),
            dense_prompt_embeddings=self.model._embed_masks(mask_input, has_mask_input),
        )
        return masks, scores


class Upsampling(nn.Module):
    """The published ONNX model, for images of one size (the export bakes the padding in)."""

    def __init__(self, sam: Any, published: Published) -> None:
        super().__init__()
        self.model = _onnx_model(sam, single=published.single)
        geometry = published.geometry
        self.register_buffer("size", torch.tensor([geometry.height, geometry.width], dtype=torch.float32))

    def forward(self, image_embeddings: Tensor, *prompt: Tensor) -> tuple[Tensor, Tensor]:
        masks, scores, _ = self.model(image_embeddings, *prompt, self.size)
        return masks, scores


def _onnx_model(sam: Any, *, single: bool = False) -> Any:
    from segment_anything.utils.onnx import SamOnnxModel

    return SamOnnxModel(sam, return_single_mask=single)


def write_official(model: nn.Module, path: Path) -> Path:
    """Export one of the published models as its own script does."""
    sam = ModelConfig("sam_vit_b")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the published code traces with warnings; what it gives is well known
        torch.onnx.export(
            model,
            (*example_features(sam.features).values(), *example_prompt(sam, [1, 0, -1], has_mask=True)),
            str(path),
            input_names=[IMAGE_EMBEDDINGS, *PROMPT_INPUTS],
            output_names=["masks", "iou_predictions"],
            dynamic_axes={"point_coords": {1: "points"}, "point_labels": {1: "points"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return path
