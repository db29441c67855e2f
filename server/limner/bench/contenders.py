"""Both sides of ``limner bench decoder`` as files: Limner's graphs and the published decoder, exported plainly.

The weights are seeded, SAM's and SAM 2.1's the same on both sides. The published export of SAM is written cut off at
the low-resolution logits, where Limner's graphs end too, and as it is, upsampling inside its graph. SAM 2's package has
no export: others trace its decoder with the names that are used here. Limner's plain form of it is traced, which the
tests hold to the package's values, so that the package need not be installed.
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
from limner_onnx.exporter import write_graphs
from limner_onnx.graphs import OPSET, PROMPT_INPUTS, example_features, example_prompt

SEED = 0
MODELS = ("sam_vit_b", "samlet", "sam2_1_tiny")
SQUARE, LANDSCAPE = (64, 64), (43, 64)  # rows and columns of the embedding that a 1:1 and a 2:3 image need


@dataclass(frozen=True)
class Reference:
    """The decoder that a model is measured against.

    Attributes:
        file: its graph, which ends at the low-resolution logits.
        title: as tables name it.
        model: whose features it takes.
    """

    file: str
    title: str
    model: str


OFFICIAL = Reference("official.onnx", "official, low-res", "sam_vit_b")
PLAIN_SAM_2 = Reference("plain-sam2.onnx", "plain export, low-res", "sam2_1_tiny")


def reference_of(name: str) -> Reference:
    """What a model is measured against; Samlet, which nobody else has, against SAM."""
    return PLAIN_SAM_2 if name == PLAIN_SAM_2.model else OFFICIAL


@dataclass(frozen=True)
class Case:
    """A prompt on an image: labels (-1 padding, 2 and 3 the corners of a box), mask prompt or not, cells needed."""

    name: str
    labels: tuple[int, ...]
    has_mask: bool = False
    valid_size: tuple[int, int] = SQUARE

    def prompt(self, config: ModelConfig) -> DecoderPrompt:
        """The prompt, seeded, with the padding that this model wants."""
        padding = () if -1 in self.labels or config.prompts.padding == "without_box" else (-1,)
        return example_prompt(config, [*self.labels, *padding], self.has_mask)


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


def cases_of(config: ModelConfig) -> tuple[Case, ...]:
    """The cases that say something of this model: all of a stretched image is shown."""
    return tuple(case for case in CASES if config.fit == "pad" or case.valid_size == SQUARE)


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
    """Write the references' graphs, what ``PUBLISHED`` names, and a folder of graphs and manifest for each model.

    What a model is measured against is written and measured too.

    Raises:
        Unavailable: when the published package is not installed.
        ExportFailed: when a graph does not give what its model gives.
    """
    wanted = dict.fromkeys(each for name in names for each in (reference_of(name).model, name))
    written = {}
    for name in wanted:
        model = build_model(name, SEED)
        progress(f"Exporting Limner's graphs of {name}, and what they are measured against")
        if name == OFFICIAL.model:
            _write_published(model, folder)
        elif name == PLAIN_SAM_2.model:
            write_plainly(PlainDecoder(model), model.config, folder / PLAIN_SAM_2.file)
        (folder / name).mkdir()
        seeded = LoadedModel(model, name, hashlib.sha256(f"{name} {SEED}".encode()).hexdigest())
        written[name] = (model, write_graphs(seeded, folder / name))
    return written


def _write_published(sam: PromptableModel, folder: Path) -> None:
    """The published SAM with these weights, in all the ways in which it is measured."""
    reference = reference_package().sam_model_registry["vit_b"](checkpoint=None).eval()
    reference.load_state_dict(sam.state_dict())
    write_plainly(LowRes(reference), sam.config, folder / OFFICIAL.file)
    for published in PUBLISHED:
        write_plainly(Upsampling(reference, published), sam.config, folder / published.file)


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


class PlainDecoder(nn.Module):
    """A decoder as it was published, features and prompt in, masks and ratings out."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        count = len(PROMPT_INPUTS)
        names = [feature.name for feature in self.model.config.features]
        features = dict(zip(names, inputs[:-count], strict=True))
        return self.model.decode(features, DecoderPrompt(*inputs[-count:]))


def write_plainly(model: nn.Module, config: ModelConfig, path: Path) -> Path:
    """Export one of the published models as SAM's own script does."""
    features = example_features(config.features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the published code traces with warnings; what it gives is well known
        torch.onnx.export(
            model,
            (*features.values(), *example_prompt(config, [1, 0, -1], has_mask=True)),
            str(path),
            input_names=[*features, *PROMPT_INPUTS],
            output_names=["masks", "iou_predictions"],
            dynamic_axes={"point_coords": {1: "points"}, "point_labels": {1: "points"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return path
