"""Where the encoder runs, in what portions, and what it does when memory runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw
from torch import Tensor

from limner.errors import EncoderFailed, InvalidInput
from limner.models.registry import build_model, load_model
from limner.sam.cpu import precision as precision_module
from limner.sam.model import Features
from limner.sam.transforms import to_model_input
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import IMAGE_EMBEDDINGS
from limner.workers import encoder as encoder_module
from limner.workers.encoder import CPU, Encoder, choose_device
from tests.workers.tiny import TINY, TinyModel

ACCELERATOR = torch.device("meta")  # stands in for a GPU: a device other than the CPU that every machine has


def images(count: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (20 + index, 30, 3), np.uint8) for index in range(count)]


def expected(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels = to_model_input(rgb, TINY)[None]
    return torch.nn.functional.adaptive_avg_pool2d(pixels, 4).numpy()


def test_images_of_different_sizes_come_back_in_order() -> None:
    encoder = Encoder(TinyModel(), CPU)
    embeddings = encoder.encode(images(3))
    assert [embedding[IMAGE_EMBEDDINGS].shape for embedding in embeddings] == [(1, 3, 4, 4)] * 3
    for embedding, rgb in zip(embeddings, images(3), strict=True):
        np.testing.assert_allclose(embedding[IMAGE_EMBEDDINGS], expected(rgb), rtol=1e-5, atol=1e-6)


def test_the_cpu_takes_one_image_at_a_time() -> None:
    model = TinyModel()
    Encoder(model, CPU).encode(images(3))
    assert model.batches == [1, 1, 1]


def test_whole_batches_are_compiled_and_what_is_left_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []

    def compiling(encode: Callable[[Tensor], Features], *, dynamic: bool) -> Callable[[Tensor], Features]:
        fast = original(encode, dynamic=dynamic, backend="aot_eager")  # needs no C++ compiler

        def run(pixels: Tensor) -> Features:
            compiled.append(len(pixels))
            return cast(Features, fast(pixels))

        return run

    original = torch.compile
    monkeypatch.setattr(torch, "compile", compiling)
    encoder = Encoder(TinyModel(), CPU)
    encoder.batch_size = 2
    encoder.compile()
    embeddings = encoder.encode(images(5))
    assert compiled == [2, 2, 2]  # the first to compile it
    for embedding, rgb in zip(embeddings, images(5), strict=True):
        np.testing.assert_allclose(embedding[IMAGE_EMBEDDINGS], expected(rgb), rtol=1e-5, atol=1e-6)


def test_who_has_no_memory_to_compile_retreats_and_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda encode, *, dynamic: encode)
    model, told = TinyModel(), list[str]()
    model.fits = {"meta": 4}
    encoder = Encoder(model, ACCELERATOR, told.append)
    encoder.compile()
    assert told == ["The GPU ran out of memory: encoding 4 images at a time."]
    assert encoder.batch_size == 4


@pytest.mark.parametrize("family", ["sam_vit_b", "mobile_sam", "efficientvit_sam_l0", "samlet"])
def test_every_encoder_is_compiled_as_one_graph(family: str) -> None:
    with torch.device("meta"):
        model = build_model(family)
        pixels = torch.zeros(1, 3, model.config.image_size, model.config.image_size)
    encode = torch.compile(model.eval().encode, dynamic=False, fullgraph=True, backend="eager")
    with torch.inference_mode():
        features = encode(pixels)
    assert {name: values.shape for name, values in features.items()} == {
        spec.name: spec.shape for spec in model.config.features
    }


def test_a_machine_that_cannot_compile_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Tensor) -> Tensor:
        raise RuntimeError("no C++ compiler\nand a long trace")

    monkeypatch.setattr(torch, "compile", lambda encode, *, dynamic: broken)
    with pytest.raises(InvalidInput, match=r"on this machine: RuntimeError: no C\+\+ compiler Unset LIMNER_COMPILE"):
        Encoder(TinyModel(), CPU).compile()


class WithoutValues(TinyModel):
    """Its parameters on "meta" hold no values: it gets some when it moves to the CPU."""

    def to(self, *args: Any, **_: Any) -> Self:
        return self.to_empty(device=args[0])


def test_out_of_memory_means_smaller_batches_then_the_cpu_and_somebody_is_told() -> None:
    model, told = WithoutValues(), list[str]()
    model.fits = {"meta": 0}
    encoder = Encoder(model, ACCELERATOR, told.append)
    assert encoder.batch_size == encoder_module.GPU_BATCH == 8
    embeddings = encoder.encode(images(9))
    assert model.batches == [8, 4, 2, 1] + [1] * 9
    assert [message.rsplit(":", 1)[1] for message in told] == [
        " encoding 4 images at a time.",
        " encoding 2 images at a time.",
        " encoding 1 image at a time.",
        " encoding on the CPU, slower.",
    ]
    assert encoder.device == CPU
    assert len(embeddings) == 9
    encoder.encode(images(1))
    assert encoder.device == CPU


class Waiting(TinyModel):
    """In a thread called ``batch`` it waits until something else was encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = threading.Event()

    def encode(self, images: Tensor) -> Features:
        if threading.current_thread().name == "batch":
            assert self.passed.wait(60), "nothing was encoded beside it"
        return super().encode(images)


def test_an_image_is_encoded_beside_a_batch_that_is_being_encoded() -> None:
    model = Waiting()
    encoder = Encoder(model, CPU)
    done: list[NDArray[np.float32]] = []
    batch = threading.Thread(
        name="batch", target=lambda: done.extend(each[IMAGE_EMBEDDINGS] for each in encoder.encode(images(1)))
    )
    batch.start()
    beside = encoder.encode_beside(images(2)[1:])
    assert not done
    model.passed.set()
    batch.join()
    for found, rgb in zip([*done, beside[0][IMAGE_EMBEDDINGS]], images(2), strict=True):
        np.testing.assert_allclose(found, expected(rgb), rtol=1e-5, atol=1e-6)


def test_where_there_is_no_memory_for_both_an_image_beside_a_batch_takes_its_turn() -> None:
    model, told = WithoutValues(), list[str]()
    model.fits = {"meta": 0}
    encoder = Encoder(model, ACCELERATOR, told.append)
    found = encoder.encode_beside(images(1))
    assert model.batches == [1] * 6, "once beside, then as a batch of its own, on the CPU in the end"
    assert told[-1].endswith("encoding on the CPU, slower.")
    assert found[0][IMAGE_EMBEDDINGS].shape == (1, 3, 4, 4)
    assert not encoder.takes_beside


class Crowded(TinyModel):
    """While an image is encoded, in a thread called ``beside``, there is no memory for what else is.

    Args:
        alone: images for which there is memory when nothing is beside them.
    """

    def __init__(self, alone: int) -> None:
        super().__init__()
        self.alone = alone
        self.begun, self.failed, self.done = threading.Event(), threading.Event(), threading.Event()

    def encode(self, images: Tensor) -> Features:
        if threading.current_thread().name == "beside":
            self.begun.set()
            assert self.failed.wait(60), "nothing was encoded meanwhile"
            self.done.set()
        elif len(images) > (self.alone if self.done.is_set() else 0):
            self.batches.append(len(images))
            self.failed.set()
            raise torch.OutOfMemoryError("pretended")
        return super().encode(images)


@contextmanager
def something_beside(model: Crowded, encoder: Encoder) -> Iterator[None]:
    beside = threading.Thread(name="beside", target=lambda: encoder.encode_beside(images(1)))
    beside.start()
    try:
        assert model.begun.wait(60)
        yield
    finally:
        beside.join()


def test_a_batch_that_had_no_memory_because_of_what_was_beside_it_is_encoded_again_as_large_as_it_was() -> None:
    model, told = Crowded(4), list[str]()
    encoder = Encoder(model, CPU, told.append)
    encoder.batch_size = 4
    with something_beside(model, encoder):
        embeddings = encoder.encode(images(4))
    assert model.batches == [4, 1, 4]
    assert (encoder.batch_size, told) == (4, [])
    for embedding, rgb in zip(embeddings, images(4), strict=True):
        np.testing.assert_allclose(embedding[IMAGE_EMBEDDINGS], expected(rgb), rtol=1e-5, atol=1e-6)


def test_a_batch_for_which_there_is_no_memory_even_alone_is_tried_once_more_and_not_again() -> None:
    model = Crowded(3)
    encoder = Encoder(model, CPU)
    encoder.batch_size = 4
    with something_beside(model, encoder), pytest.raises(EncoderFailed, match="not enough memory"):
        encoder.encode(images(4))
    assert model.batches == [4, 1, 4]
    with pytest.raises(EncoderFailed):
        encoder.encode(images(4))
    assert model.batches == [4, 1, 4, 4], "nothing was beside it"


class Greedy(TinyModel):
    """Asks for a petabyte, which torch really refuses."""

    def encode(self, pixels: torch.Tensor) -> Features:
        return {IMAGE_EMBEDDINGS: torch.empty(1 << 50, dtype=torch.uint8)}


class Broken(TinyModel):
    def encode(self, pixels: torch.Tensor) -> Features:
        raise RuntimeError("shapes do not match")


def test_out_of_memory_on_the_cpu_is_our_error() -> None:
    with pytest.raises(EncoderFailed, match="not enough memory"):
        Encoder(Greedy(), CPU).encode(images(1))


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Encoder(Broken(), CPU).encode(images(1))


def test_the_device_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(InvalidInput, match="no CUDA device"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == CPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_agrees_with_the_cpu() -> None:
    on_cpu, on_gpu = (Encoder(TinyModel(), device).encode(images(2)) for device in (CPU, torch.device("cuda")))
    for one, other in zip(on_cpu, on_gpu, strict=True):
        np.testing.assert_allclose(one[IMAGE_EMBEDDINGS], other[IMAGE_EMBEDDINGS], rtol=2e-2, atol=2e-2)


def test_the_card_decides_on_cpus_that_multiply_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "cpu_multiplies_bfloat16", lambda: True)
    assert Encoder(TinyModel(), CPU).precision == "float32"
    assert Encoder(TinyModel(), CPU, cpu_precision="bfloat16").precision == "bfloat16"
    monkeypatch.setattr(precision_module, "cpu_multiplies_bfloat16", lambda: False)
    assert Encoder(TinyModel(), CPU, cpu_precision="bfloat16").precision == "float32"


def test_samlets_masks_stay_the_same_as_its_card_has_it_encoded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision_module, "cpu_multiplies_bfloat16", lambda: True)
    loaded = load_model("samlet", tmp_path)
    canvas = PillowImage.new("RGB", (200, 150), (220, 200, 160))
    ImageDraw.Draw(canvas).ellipse((50, 30, 120, 110), fill=(20, 40, 150))
    ImageDraw.Draw(canvas).rectangle((140, 60, 190, 140), fill=(150, 30, 30))
    rgb = np.asarray(canvas)
    predictor = Predictor(loaded)
    masks = []
    for precision in ("float32", loaded.cpu_precision):
        (encoded,) = Encoder(loaded.model, CPU, cpu_precision=precision).encode([rgb])
        assert all(values.flags["C_CONTIGUOUS"] for values in encoded.values())
        features = {name: torch.from_numpy(values) for name, values in encoded.items()}
        image = ImageEmbedding(features, ImageGeometry(150, 200, 512))
        masks.append(predictor.predict_batch([[[85, 70]], [[165, 100]]], [[1], [1]], image=image)[0])
    common, union = (masks[0] & masks[1]).sum((2, 3)), (masks[0] | masks[1]).sum((2, 3))
    assert (common / union).mean() > 0.995
