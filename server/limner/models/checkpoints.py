"""Weights from files, without ever running code that is in them.

Accepted are safetensors and PyTorch's ``.pth`` through ``torch.load(weights_only=True)``. Our parameter
names are those of Meta's published SAM checkpoints, so no name is translated; what does not fit exactly
is refused with the names that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from limner.errors import MissingWeights, WrongWeights
from limner.sam.model import PromptableModel

State = dict[str, Tensor]
SAVED_BY_PYTORCH = (b"PK", b"\x80")  # a zip archive or, before PyTorch 1.6, a pickle begins so
UNUSED_BUFFERS = ("num_batches_tracked",)  # BatchNorm counts its training steps; files may leave that out


def read_state(path: Path) -> State:
    """All tensors in a checkpoint file, by name.

    Raises:
        MissingWeights: when there is no such file.
        WrongWeights: when the file is no checkpoint, is damaged, or contains anything but tensors.
    """
    if not path.is_file():
        raise MissingWeights(f"There is no weights file {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # arbitrary bytes make the unpickler fail in arbitrary ways
        raise WrongWeights(
            f"{path.name} could not be read as weights: {why_unreadable(path, error)}",
            hint="Give a safetensors file, or a .pth that holds nothing but tensors; is it complete?",
        ) from error
    if isinstance(content, Mapping) and not _is_state(content):  # a training checkpoint around the weights
        content = next((content[key] for key in ("model", "state_dict") if key in content), content)
    if not _is_state(content):
        raise WrongWeights(
            f"{path.name} holds no state dict of tensors.", hint="Save model.state_dict() and give that file."
        )
    return dict(content)


def write_state(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write tensors as safetensors; the same tensors and metadata give the same bytes."""
    save_file({name: state[name].contiguous() for name in sorted(state)}, path, dict(metadata))


def load_into(model: PromptableModel, state: Mapping[str, Tensor], source: str) -> None:
    """Give ``model`` (it may be on the meta device) the tensors in ``state``, converted to the model's types.

    Raises:
        WrongWeights: naming tensors that are missing, unknown, or of another shape.
    """
    problems = differences(model, state)
    if problems:
        raise WrongWeights(
            f"{source} does not fit the model: {'; '.join(problems)}.",
            hint="Check the family: it must be the one these weights were trained for.",
            details={"problems": problems},
        )
    own = model.state_dict()
    complete = {
        name: state[name].to(tensor.dtype) if name in state else torch.zeros(tensor.shape, dtype=tensor.dtype)
        for name, tensor in own.items()
    }
    model.load_state_dict(complete, assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)


def differences(model: PromptableModel, state: Mapping[str, Tensor]) -> list[str]:
    """What keeps ``state`` from being the weights of ``model``, in words; empty when it fits."""
    own = model.state_dict()
    missing = [name for name in own if name not in state and not name.endswith(UNUSED_BUFFERS)]
    unknown = [name for name in state if name not in own and not name.startswith(model.unused_keys)]
    misshapen = [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and state[name].shape != tensor.shape
    ]
    named = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    return [f"{len(names)} {what}: {_some(names)}" for what, names in named.items() if names]


def why_unreadable(path: Path, error: Exception) -> str:
    """Why a file that was read gives no tensors. What the unpickler stumbled over says nothing to whom the file is no
    pickle at all, and PyTorch's own words about pickles with code in them advise to run it.
    """
    with path.open("rb") as file:
        start = file.read(max(map(len, SAVED_BY_PYTORCH)))
    if not start:
        return "it is empty"
    if path.suffix != ".safetensors" and not start.startswith(SAVED_BY_PYTORCH):
        return "it is neither safetensors nor a file that PyTorch saved"
    if isinstance(error, UnpicklingError):
        return "it is damaged, or holds more than tensors"
    return (str(error) or "it is damaged").splitlines()[0]


def _is_state(content: object) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(tensor, Tensor) for tensor in content.values())
    )


def _some(names: Iterable[str], limit: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
