"""Everything that a run is at one step: saved in one file, and resumed as if it had never stopped."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from limner.errors import InvalidFile, MissingWeights, WrongWeights
from limner.sam.samlet import AuxiliaryHeads, Samlet
from limner.train.config import Schedule, TrainConfig

FORMAT = "limner-checkpoint-1"
BETAS = (0.9, 0.98)
AVERAGE_RAMP = 20  # steps; early on, the average follows the weights more closely


class TrainingState:
    """Model, training-only heads, averaged model, optimiser and the number of steps done.

    Random numbers need no saving: those of every step come from the seed and the step's number.
    """

    def __init__(self, config: TrainConfig, device: torch.device):
        torch.manual_seed(config.run.seed)
        self.model = Samlet(config.model).to(device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.heads = AuxiliaryHeads(config.model.embed_dim).to(device)
        if config.run.start_from is not None:
            _load_start(config.run.start_from, self.model, self.heads)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer = _optimizer([self.model, self.heads], config.schedule)
        self.step = 0

    def parameters(self) -> list[Tensor]:
        """All that is trained."""
        return [*self.model.parameters(), *self.heads.parameters()]

    def set_learning_rate(self, schedule: Schedule) -> float:
        """Linear warm-up, then a cosine down to the final share of the peak; returns the rate."""
        progress = min(1.0, self.step / schedule.steps)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        warm = min(1.0, (self.step + 1) / schedule.warmup) if schedule.warmup else 1.0
        rate = schedule.learning_rate * warm * (schedule.final_rate + (1 - schedule.final_rate) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    @torch.no_grad()
    def finish_step(self, decay: float) -> None:
        """Count the step and move the average towards the weights."""
        self.step += 1
        decay = min(decay, self.step / (self.step + AVERAGE_RAMP))
        current = self.model.state_dict()
        for name, averaged in self.average.state_dict().items():
            if averaged.dtype.is_floating_point:
                averaged.lerp_(current[name], 1 - decay)
            else:
                averaged.copy_(current[name])

    def save(self, path: Path) -> None:
        """Write a checkpoint; a crash in between leaves the previous one."""
        content = {
            "format": FORMAT,
            "step": self.step,
            "model": self.model.state_dict(),
            "heads": self.heads.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = path.with_suffix(".partial")
        torch.save(content, temporary)
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            InvalidFile: when there is none, or it belongs to another network.
        """
        content = read_checkpoint(path)
        try:
            self.model.load_state_dict(content["model"])
            self.heads.load_state_dict(content["heads"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InvalidFile(
                f"{path} does not fit this configuration: {error}", hint="Is [model] what the run began with?"
            ) from error
        self.step = int(content["step"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a training checkpoint, without running code that might be in it.

    Raises:
        InvalidFile: when it cannot be read or is none.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InvalidFile(f"There is no checkpoint {path}.", hint="Start without --resume.") from error
    except Exception as error:  # torch raises whatever the file's bytes lead it to
        raise InvalidFile(f"{path} is no checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InvalidFile(f"{path} is no checkpoint of Limner's training.")
    return content


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """The inference weights as fp16 safetensors, without counters of batch norm."""
    tensors = {
        name: value.detach().cpu().half().contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, metadata=metadata)
    temporary.chmod(0o644)  # safetensors makes files that only their owner may read
    os.replace(temporary, path)


def _load_start(path: Path, model: Samlet, heads: AuxiliaryHeads) -> None:
    """Weights to begin with: the averaged weights of a checkpoint, or a weights file."""
    if not path.is_file():
        raise MissingWeights(f"There are no weights {path} to start from.")
    try:
        if path.suffix == ".safetensors":
            model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
            return
        content = read_checkpoint(path)
        model.load_state_dict(content["average"])
        heads.load_state_dict(content["heads"])
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise WrongWeights(f"{path} does not fit this model: {error}") from error


def _optimizer(modules: list[nn.Module], schedule: Schedule) -> torch.optim.AdamW:
    parameters = [parameter for module in modules for parameter in module.parameters()]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=schedule.learning_rate,
        betas=BETAS,
    )
