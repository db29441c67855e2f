"""Everything that a run is at one step: saved in one file, and resumed as if it had never stopped.

What does not learn (``requires_grad`` is off) is not averaged, and need not be saved: of a large model with a frozen
encoder, the decoder alone is in the checkpoint.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from limner.atomic import replacing
from limner.errors import InvalidFile, MissingWeights, WrongWeights
from limner.models.checkpoints import why_unreadable
from limner.sam.model import PromptableModel
from limner.sam.samlet import AuxiliaryHeads, Samlet
from limner.sam.samlet.efficientnet import EfficientNetLite2
from limner.sam.samlet.encoder import EfficientNetEncoder
from limner.train.config import Pretrained, Schedule, TrainConfig
from limner.train.published import published_features

FORMAT = "limner-checkpoint-1"
BETAS = (0.9, 0.98)
AVERAGE_RAMP = 20  # steps; early on, the average follows the weights more closely


class TrainingState:
    """Model, training-only heads, averaged model, optimiser, the number of steps done and the seconds they took.

    Random numbers need no saving: those of every step come from the seed and the step's number.

    Args:
        model: on the device where it trains.
        heads: auxiliary ones, if any.
        schedule: for the optimiser.
        origin: what the run started from and how it learns; a checkpoint of another origin is refused.
        rates: learning rates of some parameters by the beginning of their names, as shares of the schedule's.
        saves_frozen: whether checkpoints hold what does not learn, too.
    """

    def __init__(
        self,
        model: PromptableModel,
        heads: AuxiliaryHeads | None,
        schedule: Schedule,
        origin: Mapping[str, str] | None = None,
        *,
        rates: Mapping[str, float] | None = None,
        saves_frozen: bool = False,
    ):
        self.model, self.heads, self.origin = model, heads, dict(origin or {})
        frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
        shared = {id(parameter): parameter for parameter in frozen}
        self.average = copy.deepcopy(model, shared).eval().requires_grad_(False)
        self.optimizer = _optimizer(model, heads, schedule, rates or {})
        self.step, self.seconds = 0, 0.0
        held = {id(parameter) for parameter in frozen}
        self._frozen = {name for name, value in model.named_parameters(remove_duplicate=False) if id(value) in held}
        self._unsaved = set() if saves_frozen else self._frozen

    def parameters(self) -> list[Tensor]:
        """All that is trained."""
        heads = [] if self.heads is None else list(self.heads.parameters())
        return [parameter for parameter in [*self.model.parameters(), *heads] if parameter.requires_grad]

    def set_learning_rate(self, schedule: Schedule) -> float:
        """Linear warm-up, then a cosine down to the final share of the peak; returns the rate.

        The cosine follows the steps or, in a run that has a time limit for the whole of it, the time if that is ahead.
        """
        progress = min(1.0, self.step / schedule.steps)
        if schedule.finish_in is not None:
            progress = max(progress, min(1.0, self.seconds / (60 * schedule.finish_in)))
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        warm = min(1.0, (self.step + 1) / schedule.warmup) if schedule.warmup else 1.0
        rate = schedule.learning_rate * warm * (schedule.final_rate + (1 - schedule.final_rate) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)  # 1 in checkpoints from before there was a choice
        return rate

    @torch.no_grad()
    def finish_step(self, decay: float) -> None:
        """Count the step and move the average towards the weights."""
        self.step += 1
        decay = min(decay, self.step / (self.step + AVERAGE_RAMP))
        current = self.learned(self.model)
        for name, averaged in self.learned(self.average).items():
            if averaged.dtype.is_floating_point:
                averaged.lerp_(current[name], 1 - decay)
            else:
                averaged.copy_(current[name])

    def save(self, path: Path) -> None:
        """Write a checkpoint; a crash in between leaves the previous one."""
        content = {
            "format": FORMAT,
            "step": self.step,
            "seconds": self.seconds,
            "origin": self.origin,
            "model": self._saved(self.model),
            "heads": {} if self.heads is None else self.heads.state_dict(),
            "average": self._saved(self.average),
            "optimizer": self.optimizer.state_dict(),
        }
        with replacing(path) as partial:
            torch.save(content, partial)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            InvalidFile: when there is none, or it belongs to another network or another start.
        """
        content = read_checkpoint(path)
        if content.get("origin", {}) != self.origin:
            raise InvalidFile(
                f"{path} belongs to another run: it has {content.get('origin')}, not {self.origin}.",
                hint="Resume with what the run began with, or name another output.",
            )
        try:
            self._restore(self.model, content["model"])
            self._restore(self.average, content["average"])
            if self.heads is not None:
                self.heads.load_state_dict(content["heads"])
            self.optimizer.load_state_dict(content["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InvalidFile(
                f"{path} does not fit this configuration: {error}", hint="Is [model] what the run began with?"
            ) from error
        self.step = int(content["step"])
        self.seconds = float(content.get("seconds", 0.0))

    def learned(self, model: PromptableModel) -> dict[str, Tensor]:
        """What learns in the model or its average, and the buffers that may move along."""
        return {name: value for name, value in model.state_dict().items() if name not in self._frozen}

    def _saved(self, model: PromptableModel) -> dict[str, Tensor]:
        return {name: value for name, value in model.state_dict().items() if name not in self._unsaved}

    def _restore(self, model: PromptableModel, saved: dict[str, Tensor]) -> None:
        fixed = {name: value for name, value in model.state_dict().items() if name in self._unsaved}
        model.load_state_dict({**fixed, **saved})


def new_samlet(config: TrainConfig, device: torch.device) -> tuple[Samlet, AuxiliaryHeads]:
    """The network that the configuration describes, and heads for training.

    It has the weights that the configuration names; without any, those that are published for its backbone, and random
    ones elsewhere. Of a published backbone, some layers do not learn.

    Raises:
        MissingWeights, WrongWeights: when there are no such weights, or they are of another network.
    """
    torch.manual_seed(config.run.seed)
    model = Samlet(config.model)
    heads = AuxiliaryHeads(config.model.embed_dim)
    if config.run.start_from is not None:
        _load_start(config.run.start_from, model, heads)
    elif isinstance(model.encoder, EfficientNetEncoder):
        model.encoder.backbone.load_state_dict(published_features().state_dict())
    if isinstance(model.encoder, EfficientNetEncoder):
        freeze(model.encoder.backbone, config.pretrained)
    model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model, heads.to(device)


def freeze(backbone: EfficientNetLite2, how: Pretrained) -> None:
    """Turn off gradients of what does not learn."""
    stages = [backbone.stem, *backbone.stages]
    for stage in stages[: 1 + how.frozen_stages]:
        stage.requires_grad_(False)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and not how.depthwise:
            module.requires_grad_(False)


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
        raise InvalidFile(f"{path} is no checkpoint: {why_unreadable(path, error)}.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InvalidFile(f"{path} is no checkpoint of Limner's training.")
    return content


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str], dtype: torch.dtype = torch.float16) -> None:
    """The inference weights as safetensors, without counters of batch norm."""
    tensors = {
        name: value.detach().cpu().to(dtype).contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with replacing(path) as partial:
        save_file(tensors, partial, metadata=metadata)


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


def _optimizer(
    model: nn.Module, heads: nn.Module | None, schedule: Schedule, rates: Mapping[str, float]
) -> torch.optim.AdamW:
    """Matrices decay, biases and gains do not; each kind at the rate of its names."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    named = [*model.named_parameters(), *([] if heads is None else heads.named_parameters(prefix="heads"))]
    for name, parameter in named:
        if parameter.requires_grad:
            share = next((rate for prefix, rate in rates.items() if name.startswith(prefix)), 1.0)
            decay = schedule.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((share, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": decay, "share": share}
            for (share, decay), parameters in sorted(groups.items(), reverse=True)
        ],
        lr=schedule.learning_rate,
        betas=BETAS,
    )
