"""``limner bench encoder``: what encoding one image costs, model by model.

SAM's ViTs are compared with the published package on the same seeded weights; every other model with itself, run in the
plainest way: torch in float32, channels first, each layer by itself. Each is run in the ways that Limner could take, so
that the card of a model can say which is the cheapest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.bench.harness import Result
from limner.bench.memory import compare_with_memory
from limner.bench.reference import reference_package
from limner.catalogue import CPU_RUNTIMES, Precision, installed_models
from limner.sam.fused import layers_one_by_one
from limner.sam.model import PromptableModel
from limner.sam.precision import channels_last, computing_in
from limner.sam.registry import LoadedModel, build_model, load_model
from limner_onnx.encoder import open_encoder

SEED = 0
CPU = torch.device("cpu")
Encode = Callable[[], object]


def run(home: Path, threads: int, rounds: int, families: tuple[str, ...]) -> Iterator[Result]:
    """The comparisons, one by one as they finish.

    Args:
        home: where installed models are looked for.
        threads: CPU threads for torch and onnxruntime alike.
        rounds: timed encodings of each contender.
        families: which models; those without installed weights are measured with seeded random ones.
    """
    torch.set_num_threads(threads)
    for family in families:
        loaded = installed_or_random(family, home)
        model, side = loaded.model, loaded.model.config.image_size
        pixels = torch.from_numpy(np.random.default_rng(SEED).normal(size=(1, 3, side, side)).astype(np.float32))
        plain = _plain(model, pixels)
        reference = _reference(family, model, pixels) or ("plain torch float32", plain)
        with tempfile.TemporaryDirectory() as folder:
            ways: dict[str, Encode] = {
                "float32": encoding(model, pixels, "float32"),
                "bfloat16": encoding(model, pixels, "bfloat16"),
                "onnxruntime": partial(open_encoder(model, Path(folder), threads), pixels.numpy()),
            }
            exact = np.asarray(plain())
            for way, encode in ways.items():
                chosen = "; what the card chooses" if way == chosen_way(loaded) else ""
                error = np.linalg.norm(np.asarray(encode()) - exact) / np.linalg.norm(exact)
                yield compare_with_memory(
                    family,
                    (f"limner, {way}", encode),
                    reference,
                    rounds=rounds,
                    notes=f"{side} px, {threads} thread(s){chosen}; relative difference {error:.1e}",
                )


def installed_or_random(family: str, home: Path) -> LoadedModel:
    """The model of this name when it is installed, otherwise one of this family with seeded weights."""
    if any(model.name == family for model in installed_models(home)):
        return load_model(family, home)
    return LoadedModel(
        build_model(family, SEED), family, "", title=family, cpu_runtime=CPU_RUNTIMES.get(family, "torch")
    )


def chosen_way(loaded: LoadedModel) -> str:
    """How the model's card has the encoder run on a CPU that multiplies bfloat16."""
    return loaded.cpu_precision if loaded.cpu_runtime == "torch" else loaded.cpu_runtime


def encoding(model: PromptableModel, pixels: Tensor, precision: Precision) -> Encode:
    """One encoding as ``limner.embed`` does it."""
    images = channels_last(pixels)

    @torch.inference_mode()
    def encode() -> Tensor:
        with computing_in(precision, CPU):
            return model.encode(images).float()

    return encode


def _plain(model: PromptableModel, pixels: Tensor) -> Encode:
    @torch.inference_mode()
    def encode() -> Tensor:
        with layers_one_by_one():
            return model.encode(pixels)

    return encode


def _reference(family: str, model: PromptableModel, pixels: Tensor) -> tuple[str, Encode] | None:
    if not family.startswith("sam_vit"):
        return None
    sam = reference_package().sam_model_registry[family.removeprefix("sam_")](checkpoint=None).eval()
    sam.load_state_dict(model.state_dict(), strict=False)

    @torch.inference_mode()
    def encode() -> Tensor:
        embeddings: Tensor = sam.image_encoder(pixels)
        return embeddings

    return "segment-anything float32", encode
