"""How the encoder is run on this machine: number format and memory layout."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from limner.vocabulary.devices import Precision


def encoding_precision(device: torch.device, on_cpu: Precision) -> Precision:
    """What the encoder computes in: bfloat16 on CUDA, and on CPUs that have it if the model's card says so."""
    if device.type == "cuda":
        return "bfloat16"
    return on_cpu if device.type == "cpu" and cpu_multiplies_bfloat16() else "float32"


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context for matrix products and convolutions in this precision; parameters stay as they are."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for it (AMX or AVX-512 BF16); elsewhere it would be emulated, slowly."""
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))


def channels_last(images: Tensor) -> Tensor:
    """(B, 3, S, S) laid out (B, S, S, 3), in which convolutions are faster; the values are the same."""
    return images.contiguous(memory_format=torch.channels_last)
