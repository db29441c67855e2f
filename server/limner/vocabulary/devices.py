"""Where encoders run, and in what."""

from __future__ import annotations

from typing import Literal

Device = Literal["auto", "cpu", "cuda"]  # auto: CUDA when there is one
Precision = Literal["float32", "bfloat16"]  # that an encoder computes in
CpuRuntime = Literal["torch", "onnxruntime"]  # that runs an encoder on a CPU
