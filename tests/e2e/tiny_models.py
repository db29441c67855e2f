"""Models of few numbers with lively seeded weights, which a page gets in place of the server's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from playwright.sync_api import Page, Route

from limner.encoding.wire import EmbeddingInfo, pack
from limner.models.manifest import PREPROCESSING_VERSION, Manifest
from limner.models.registry import LoadedModel, build_sam
from limner.sam.model import PromptableModel
from limner.sam.samlet import Samlet
from limner.sam.vit import VitConfig
from limner_onnx.exporter import write_graphs
from limner_onnx.graphs import example_features
from tests.sam.reference import lively
from tests.tiny_samlet import TINY_SAMLET


def tiny_samlet() -> PromptableModel:
    torch.manual_seed(5)
    model = Samlet(TINY_SAMLET).eval()
    lively(model)
    torch.nn.init.normal_(model.decoder.upscaler.mix2.weight, std=0.2)  # the same in all channels when fresh
    return model


def tiny_sam() -> PromptableModel:
    torch.manual_seed(4)
    vit = VitConfig(embed_dim=32, depth=1, num_heads=1, global_blocks=(), image_size=128, out_channels=64)
    model = build_sam("sam_vit_b", vit).eval()
    lively(model)
    return model


TINY_MODELS: dict[str, Callable[[], PromptableModel]] = {"samlet": tiny_samlet, "sam": tiny_sam}


class TinyModel:
    """A tiny model as the page gets it.

    Attributes:
        model: in torch.
        manifest: of its graphs.
    """

    def __init__(self, name: str, folder: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            self.model = TINY_MODELS[name]()
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        self.manifest: Manifest = write_graphs(LoadedModel(self.model, name, sha256, title=f"Tiny {name}"), folder)
        self._folder = folder

    def embedding(self, seed: int, height: int, width: int) -> bytes:
        """Noise as the embedding of an image of this size."""
        noise = example_features(self.manifest.features, seed)
        info = EmbeddingInfo(
            image_sha256="0" * 64,
            model_sha256=self.manifest.weights_sha256,
            preprocessing_version=PREPROCESSING_VERSION,
            image_height=height,
            image_width=width,
            image_size=self.manifest.input.image_size,
        )
        return pack({name: values.numpy() for name, values in noise.items()}, info)

    def take_over(self, page: Page, embedding: bytes) -> None:
        """From now on the page gets this model in place of the server's, and this embedding of every image."""

        def give(body: bytes, media_type: str = "application/octet-stream") -> Callable[[Route], None]:
            return lambda route: route.fulfill(body=body, content_type=media_type)

        page.route("**/api/v1/models/*/manifest", give(self.manifest.to_json().encode(), "application/json"))
        for graph in ("prepare", "decode"):
            page.route(f"**/api/v1/models/*/graphs/{graph}?*", give((self._folder / f"{graph}.onnx").read_bytes()))
        page.route("**/api/v1/images/*/embedding?*", give(embedding))
