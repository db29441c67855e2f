"""The image encoder on a device: batches, mixed precision, and what happens when memory runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.errors import EncoderFailed, InvalidInput
from limner.sam.cpu.precision import channels_last, computing_in, encoding_precision
from limner.sam.model import Features, PromptableModel
from limner.sam.transforms import to_model_input
from limner.vocabulary.counted import counted
from limner.vocabulary.devices import Device, Precision

Arrays = Mapping[str, NDArray[np.float32]]

GPU_BATCH = 8  # images at once
CPU = torch.device("cpu")


def choose_device(device: Device) -> torch.device:
    """The device to encode on.

    Raises:
        InvalidInput: when CUDA is asked for and there is none.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return CPU
    if not torch.cuda.is_available():
        raise InvalidInput("There is no CUDA device to encode on.", hint="Use --device auto or --device cpu.")
    return torch.device("cuda")


class Encoder:
    """Encodes RGB pixels; retreats to smaller batches, then to the CPU, when the device runs out of memory.

    A retreat lasts as long as the process: what did not fit once would fail again and again. That is why a batch that
    failed while something was encoded beside it is tried again alone first.

    Images that are encoded beside a batch, in another thread, are computed on a CUDA stream of a higher priority: the
    GPU begins their blocks before those of the batch that have not begun.

    Args:
        model: whose encoder runs.
        device: where it starts.
        on_retreat: told in one sentence what changed.
        cpu_precision: what the model's card says about CPUs that multiply bfloat16.
        on_cpu: normalised image (1, 3, S, S) -> features, to be used on the CPU instead of the model.
    """

    def __init__(
        self,
        model: PromptableModel,
        device: torch.device,
        on_retreat: Callable[[str], None] = lambda _: None,
        cpu_precision: Precision = "float32",
        on_cpu: Callable[[NDArray[np.float32]], Arrays] | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.device = device
        self.batch_size = 1 if device == CPU else GPU_BATCH
        self._compiled: Callable[[Tensor], Features] | None = None
        self._turn = threading.Lock()  # one batch at a time
        self._turn_beside = threading.Lock()  # one image beside it; a retreat waits for it
        self._begun_beside = 0  # how many images were
        self._stream = _prior_stream(device) if device.type == "cuda" else None
        self._on_retreat = on_retreat
        self._cpu_precision = cpu_precision
        self._on_cpu = on_cpu

    @torch.inference_mode()
    def compile(self) -> None:
        """Compile the encoder for whole batches; single images, and what is left of a batch, do without.

        Where memory does not suffice for a whole batch, batches get smaller and nothing is compiled.

        Raises:
            InvalidInput: when torch cannot compile here.
        """
        side = self.model.config.image_size
        self._compiled = torch.compile(self.model.encode, dynamic=False)
        try:
            self._features(torch.zeros(self.batch_size, 3, side, side))
        except Exception as error:  # torch has no class for what may go wrong in compilers
            if isinstance(error, RuntimeError | MemoryError) and _is_out_of_memory(error):
                self._retreat(error)
                return
            raise InvalidInput(
                f"The encoder cannot be compiled on this machine: {_first_line(error)}",
                hint="Unset LIMNER_COMPILE; or install what torch.compile needs: a C++ compiler, and Triton for CUDA.",
            ) from error

    @property
    def takes_beside(self) -> bool:
        """Whether it is worth while to encode an image beside a batch: a GPU divides itself, a CPU has no batches."""
        return self._stream is not None and self.batch_size > 1

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Arrays]:
        """RGB images (H, W, 3), of any sizes -> the features (1, C, h, w) of each, in order.

        Raises:
            EncoderFailed: when even the CPU has no memory for one image.
        """
        with self._turn:
            return self._encode(images)

    def encode_beside(self, images: Sequence[NDArray[np.uint8]]) -> list[Arrays]:
        """As :meth:`encode`, one by one, while another thread may be encoding a batch. Where there is no memory for
        both, the one that failed is encoded again after the other.
        """
        return [each for image in images for each in self._alone_beside(image)]

    def _alone_beside(self, image: NDArray[np.uint8]) -> list[Arrays]:
        try:
            with self._turn_beside, nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
                self._begun_beside += 1
                return [self._forward([image])]
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        return self.encode([image])

    def _encode(self, images: Sequence[NDArray[np.uint8]]) -> list[Arrays]:
        done: list[Arrays] = []
        while len(done) < len(images):
            batch = images[len(done) :][: self.batch_size]
            try:
                encoded = self._in_company_or_alone(batch)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
                self._retreat(error)
            else:
                done += [
                    {name: values[index : index + 1] for name, values in encoded.items()} for index in range(len(batch))
                ]
        return done

    def _in_company_or_alone(self, batch: Sequence[NDArray[np.uint8]]) -> Arrays:
        """A batch, encoded again with nothing beside it where there was no memory for both."""
        begun, in_company = self._begun_beside, self._turn_beside.locked()
        try:
            return self._forward(batch)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error) or not (in_company or self._begun_beside > begun):
                raise
        with self._turn_beside:  # the error is gone by now, and with it what it kept of the batch
            _empty_cache()
            return self._forward(batch)

    @torch.inference_mode()
    def _forward(self, batch: Sequence[NDArray[np.uint8]]) -> Arrays:
        return self._features(torch.stack([to_model_input(rgb, self.model.config) for rgb in batch]))

    def _features(self, pixels: Tensor) -> Arrays:
        """(B, 3, S, S) -> (B, C, h, w) each."""
        if self._on_cpu is not None and self.device == CPU:
            return self._on_cpu(pixels.numpy())
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()
        is_whole = len(pixels) == self.batch_size
        encode = self._compiled if self._compiled and is_whole else self.model.encode
        with computing_in(self.precision, self.device):
            features = encode(channels_last(pixels.to(self.device, non_blocking=True)))
        return {name: np.ascontiguousarray(values.float().cpu().numpy()) for name, values in features.items()}

    @property
    def precision(self) -> Precision:
        """What matrix products and convolutions are computed in, where the encoder runs now."""
        return encoding_precision(self.device, self._cpu_precision)

    def _retreat(self, error: RuntimeError | MemoryError) -> None:
        if self.device == CPU:
            raise EncoderFailed(
                "There is not enough memory to encode the image.", hint="Close other programs, or use a smaller model."
            ) from error
        with self._turn_beside:
            message = self._make_smaller()
        self._on_retreat(message)

    def _make_smaller(self) -> str:
        """What changed, in a sentence."""
        self._compiled = None  # it was for batches of the size, and the device, that there were
        if self.batch_size > 1:
            self.batch_size //= 2
            message = f"The GPU ran out of memory: encoding {counted(self.batch_size, 'image')} at a time."
        else:
            self.model = self.model.to(CPU)
            self.device = CPU
            self._stream = None
            message = "The GPU ran out of memory for a single image: encoding on the CPU, slower."
        _empty_cache()
        return message


def _prior_stream(device: torch.device) -> torch.cuda.Stream:
    """A queue of a GPU whose work goes before that of others."""
    make: Callable[..., torch.cuda.Stream] = torch.cuda.Stream  # torch does not say its types
    return make(device, priority=-1)


def _empty_cache() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; on the CPU torch raises a plain RuntimeError that names its allocator."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)
