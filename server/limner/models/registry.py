"""Models by name: built with random weights, or loaded with those that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import JsonValue
from torch import Tensor

from limner.errors import InvalidInput, WrongWeights
from limner.models.catalogue import (
    FAMILIES,
    SAM_THRESHOLDS,
    AutomaticThresholds,
    InstalledModel,
    find_by_weights,
    find_model,
    sha256_of,
)
from limner.models.checkpoints import differences, load_into, read_state
from limner.sam import efficientvit
from limner.sam.mask_decoder import MaskDecoder
from limner.sam.model import ModelConfig, PromptableModel
from limner.sam.prompt_encoder import PromptEncoder
from limner.sam.sam import Sam
from limner.sam.sam2 import HIERA_BASE_PLUS, HIERA_LARGE, HIERA_SMALL, HIERA_TINY, Sam2
from limner.sam.samlet import Samlet, SamletConfig, backbone_of
from limner.sam.tiny_vit import TinyViT
from limner.sam.vit import VIT_B, VIT_H, VIT_L, ImageEncoderViT, VitConfig
from limner.vocabulary.devices import CpuRuntime, Precision
from limner.vocabulary.specs import IMAGE_EMBEDDINGS, FeatureSpec, MaskSpec


@dataclass(frozen=True)
class LoadedModel:
    """A model with weights, and where they came from.

    Attributes:
        weights_sha256: of the weights file; keys embeddings and graphs.
        automatic: thresholds recommended for segmenting everything.
        cpu_precision: of the encoder on CPUs that multiply bfloat16 in hardware.
        cpu_runtime: of the encoder on CPUs.
    """

    model: PromptableModel
    name: str
    weights_sha256: str
    title: str = ""
    licence: str = "unknown"
    quality: Mapping[str, JsonValue] = field(default_factory=dict)
    automatic: AutomaticThresholds = SAM_THRESHOLDS
    cpu_precision: Precision = "float32"
    cpu_runtime: CpuRuntime = "torch"


def build_sam(family: str, vit: VitConfig) -> Sam:
    """SAM around a ViT of any size; what differs from the published sizes is for tests and experiments."""
    grid = (vit.grid_size, vit.grid_size)
    config = ModelConfig(
        family=family,
        image_size=vit.image_size,
        features=(FeatureSpec(IMAGE_EMBEDDINGS, vit.out_channels, *grid),),
        masks=MaskSpec(low_res_size=4 * vit.grid_size),
    )
    prompt_encoder = PromptEncoder(vit.out_channels, grid, vit.image_size)
    return Sam(config, ImageEncoderViT(vit), prompt_encoder, MaskDecoder(vit.out_channels, config.masks.count))


def build_mobile_sam() -> Sam:
    """MobileSAM: SAM's prompt encoder and mask decoder behind a TinyViT."""
    config = ModelConfig(family="mobile_sam")
    channels = config.features[0].channels
    prompt_encoder = PromptEncoder(channels, config.cells, config.image_size)
    model = Sam(config, TinyViT(), prompt_encoder, MaskDecoder(channels, config.masks.count))
    model.unused_keys = ("image_encoder.norm_head.", "image_encoder.head.")  # the classifier it was pre-trained with
    return model


def build_efficientvit_sam() -> Sam:
    """EfficientViT-SAM-L0: SAM's prompt encoder and mask decoder behind an EfficientViT that sees 512 px.

    Its decoder was trained with coordinates on a square of 1024 px, to which half a pixel is added, and with a smaller
    epsilon in the norms than that of SAM.
    """
    config = ModelConfig(family="efficientvit_sam_l0", image_size=efficientvit.IMAGE_SIZE)
    channels = config.features[0].channels
    prompt_encoder = PromptEncoder(channels, config.cells, config.image_size, shift=0.25)
    decoder = MaskDecoder(channels, config.masks.count)
    for module in decoder.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = efficientvit.NORM_EPS
    return Sam(config, efficientvit.EfficientViT(), prompt_encoder, decoder)


_BUILDERS: dict[str, Callable[[], PromptableModel]] = {
    "sam_vit_b": lambda: build_sam("sam_vit_b", VIT_B),
    "sam_vit_l": lambda: build_sam("sam_vit_l", VIT_L),
    "sam_vit_h": lambda: build_sam("sam_vit_h", VIT_H),
    "mobile_sam": build_mobile_sam,
    "efficientvit_sam_l0": build_efficientvit_sam,
    "sam2_1_tiny": lambda: Sam2("sam2_1_tiny", HIERA_TINY),
    "sam2_1_small": lambda: Sam2("sam2_1_small", HIERA_SMALL),
    "sam2_1_base_plus": lambda: Sam2("sam2_1_base_plus", HIERA_BASE_PLUS),
    "sam2_1_large": lambda: Sam2("sam2_1_large", HIERA_LARGE),
    "samlet": Samlet,
}


def build_model(family: str, seed: int | None = None) -> PromptableModel:
    """A model of this family with random weights, in evaluation mode; the same seed gives the same weights.

    Raises:
        InvalidInput: for an unknown family.
    """
    if family not in _BUILDERS:
        raise InvalidInput(f"The family {family!r} is unknown.", hint=f"Known: {', '.join(FAMILIES)}.")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return _BUILDERS[family]().eval()


def load_model(name_or_path: str | Path, home: Path) -> LoadedModel:
    """An installed model by name, or the weights in a file; in evaluation mode, on the CPU.

    Raises:
        MissingWeights: when nothing is installed under that name.
        WrongWeights: when the file is damaged or of no known family.
    """
    path = Path(name_or_path)
    if path.suffix:
        state = read_state(path)
        model = model_from_state(state, path.name, infer_family(state, path.name))
        return LoadedModel(model, path.stem, sha256_of(path), title=path.stem)
    installed = find_model(str(name_or_path), home)
    check_weights(installed)
    card = installed.card
    model = model_from_state(read_state(installed.weights), card.name, card.family)
    return LoadedModel(
        model,
        card.name,
        card.weights_sha256,
        title=card.title,
        licence=card.licence,
        quality=card.quality,
        automatic=card.automatic,
        cpu_precision=card.cpu_precision,
        cpu_runtime=card.cpu_runtime,
    )


def load_by_weights(weights_sha256: str, home: Path) -> LoadedModel:
    """The installed model that has these weights, as :func:`load_model` gives it.

    Raises:
        MissingWeights: no installed model has them.
        WrongWeights: when the file is damaged.
    """
    return load_model(find_by_weights(weights_sha256, home).name, home)


def model_from_state(state: Mapping[str, Tensor], source: str, family: str) -> PromptableModel:
    """The model of this family with these weights, in evaluation mode.

    Raises:
        WrongWeights: when they do not fit; ``source`` names them in the message.
    """
    model = outline(family, state)
    load_into(model, state, source)
    return model.eval()


def infer_family(state: Mapping[str, Tensor], source: str) -> str:
    """The family that these tensors fit exactly.

    Raises:
        WrongWeights: when they fit none; says what is wrong with the nearest.
    """
    nearest, fewest, problems = "", len(state) + 1, list[str]()
    for family in FAMILIES:
        model = outline(family, state)
        problems_here = differences(model, state)
        if not problems_here:
            return family
        strange = len(state.keys() ^ model.state_dict().keys())
        if strange < fewest:
            nearest, fewest, problems = family, strange, problems_here
    closest = f" Nearest is {nearest}: {'; '.join(problems)}." if nearest else ""
    raise WrongWeights(f"{source} fits no model that Limner knows.{closest}", hint=f"Families: {', '.join(FAMILIES)}.")


def architecture_of(family: str, names: Iterable[str]) -> str:
    """Which network of a family has weights of these names; "" for families of one network."""
    return backbone_of(names) if family == "samlet" else ""


def model_config(family: str) -> ModelConfig:
    """What the models of a family take and give, without any weights.

    Raises:
        InvalidInput: for an unknown family.
    """
    return outline(family, {}).config


def outline(family: str, state: Mapping[str, Tensor]) -> PromptableModel:
    """The model of this family that these weights are most likely of, without any values."""
    with torch.device("meta"):
        if family == "samlet":
            return Samlet(SamletConfig(backbone=backbone_of(state))).eval()
        return build_model(family)


def check_weights(installed: InstalledModel) -> None:
    """Make sure that an installed file still has the bytes that were installed.

    Raises:
        WrongWeights: when it does not.
    """
    found = sha256_of(installed.weights)
    if found != installed.card.weights_sha256:
        raise WrongWeights(
            f"The weights of {installed.name} have changed since they were installed: "
            f"sha256 {found[:12]}… instead of {installed.card.weights_sha256[:12]}….",
            hint=f"Install them again; the file is {installed.weights}",
        )
