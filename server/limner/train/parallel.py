"""Several processes with one set of weights: gloo on CPUs, NCCL on GPUs, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Group:
    """One process among all of them."""

    rank: int = 0
    processes: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """The mean over all processes, in one message; parameters without a gradient count as zero."""
        if self.processes == 1:
            return
        parameters = list(parameters)
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.processes
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone(memory_format=torch.preserve_format)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process: all then do the same."""
        if self.processes == 1:
            return flag
        value = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return bool(value.item())

    def wait(self) -> None:
        """Until all processes are here."""
        if self.processes > 1:
            dist.barrier()


@contextmanager
def joined_group(device: str) -> Iterator[Group]:
    """The group that torchrun's environment describes, or this process alone."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if processes == 1:
        yield Group(device=torch.device(device))
        return
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Group(rank, processes, torch.device(device))
    finally:
        dist.destroy_process_group()
