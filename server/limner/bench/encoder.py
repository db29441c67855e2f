"""``limner bench encoder``: what encoding one image costs, model by model.

SAM's ViTs, MobileSAM and SAM 2.1 are compared with their published packages on the same weights; every other model, and
these where their package is not installed, with itself, run in the plainest way: torch in float32, channels first,
each layer by itself. Each is run in the ways that Limner could take, so that the card of a model can say which is the
cheapest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.bench.apart import Apart, compare_apart
from limner.bench.harness import Result
from limner.bench.reference import published
from limner.models.catalogue import installed_models
from limner.models.registry import LoadedModel, build_model, load_model
from limner.sam.cpu.fused import layers_one_by_one
from limner.sam.cpu.precision import channels_last, computing_in
from limner.sam.model import Features, PromptableModel
from limner.segment.tuning import Way
from limner.vocabulary.devices import Precision
from limner_onnx.encoder import open_encoder

SEED = 0
CPU = torch.device("cpu")
WAYS: tuple[Way, ...] = ("float32", "bfloat16", "onnxruntime")
Encode = Callable[[], object]


def run(home: Path, threads: int, rounds: int, families: tuple[str, ...]) -> Iterator[Result]:
    """The comparisons, one by one as they finish.

    Args:
        home: where installed models are looked for.
        threads: CPU threads for torch and onnxruntime alike.
        rounds: timed encodings of each contender.
        families: which models; those without installed weights are measured with seeded random ones.

    Raises:
        Unavailable: when the published package of SAM is not installed.
    """
    for family in families:
        loaded = installed_or_random(family, home)
        original = published(family)
        package = "plain torch" if original is None else original.package
        with Apart(f"{package} float32", reference_encoding, family, home, threads) as reference:
            exact = reference.answer()
            for way in WAYS:
                chosen = "; what the card chooses" if way == chosen_way(loaded) else ""
                with (
                    tempfile.TemporaryDirectory() as folder,
                    Apart(f"limner, {way}", own_encoding, family, home, threads, way, Path(folder)) as subject,
                ):
                    error = np.linalg.norm(subject.answer() - exact) / np.linalg.norm(exact)
                    notes = f"{loaded.model.config.image_size} px, {threads} thread(s){chosen}"
                    notes += f"; relative difference {error:.1e}"
                    yield compare_apart(family, subject, reference, rounds=rounds, notes=notes)


def reference_encoding(family: str, home: Path, threads: int) -> Encode:
    """One encoding by the published package, or in plain torch where there is none."""
    torch.set_num_threads(threads)
    model = installed_or_random(family, home).model
    pixels = _pixels(model)
    original = published(family)
    if original is None:

        @torch.inference_mode()
        def plain() -> Tensor:
            with layers_one_by_one():
                return in_a_row(model.encode(pixels))

        return plain
    reference = original.build()
    # Not strict: MobileSAM's package also has the head of a classifier, and SAM 2's what it needs for video.
    reference.load_state_dict(model.state_dict(), strict=False)
    reference.eval()

    @torch.inference_mode()
    def encode() -> Tensor:
        return original.encode(reference, pixels)

    return encode


def own_encoding(family: str, home: Path, threads: int, way: Way, folder: Path) -> Encode:
    """One encoding by Limner in one of its ways; an exported graph goes to the folder."""
    torch.set_num_threads(threads)
    model = installed_or_random(family, home).model
    pixels = _pixels(model)
    if way == "onnxruntime":
        encoder = open_encoder(model, folder, threads)
        return lambda: np.concatenate([values.ravel() for values in encoder(pixels.numpy()).values()])
    return encoding(model, pixels, way)


def in_a_row(features: Features) -> Tensor:
    """All values of all features, (N,)."""
    return torch.cat([values.flatten() for values in features.values()])


def _pixels(model: PromptableModel) -> Tensor:
    side = model.config.image_size
    return torch.from_numpy(np.random.default_rng(SEED).normal(size=(1, 3, side, side)).astype(np.float32))


def installed_or_random(family: str, home: Path) -> LoadedModel:
    """The model of this name when it is installed, otherwise one of this family with seeded weights."""
    if any(model.name == family for model in installed_models(home)):
        return load_model(family, home)
    return LoadedModel(build_model(family, SEED), family, "", title=family)


def chosen_way(loaded: LoadedModel) -> str:
    """How the model's card has the encoder run on a CPU that multiplies bfloat16."""
    return loaded.cpu_precision if loaded.cpu_runtime == "torch" else loaded.cpu_runtime


def encoding(model: PromptableModel, pixels: Tensor, precision: Precision) -> Encode:
    """One encoding as ``limner.workers`` does it."""
    images = channels_last(pixels)

    @torch.inference_mode()
    def encode() -> Tensor:
        with computing_in(precision, CPU):
            return in_a_row(model.encode(images)).float()

    return encode
