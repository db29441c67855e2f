"""Detectors as files: weights whose names and shapes fit what the card says."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from limner.atomic import replacing
from limner.errors import WrongWeights
from limner.heads.detector import Detector, DetectorConfig
from limner.models.detectors import DetectorCard, InstalledDetector, check_detector


def config_of(card: DetectorCard) -> DetectorConfig:
    """The shape of the network that a card describes."""
    categories = len(card.categories) if card.told_apart else 0
    return DetectorConfig(card.image_size, card.features, categories, card.widths, card.head)


def save_detector(detector: Detector, path: Path) -> None:
    """The weights in 16 bits, as they are loaded again."""
    tensors: dict[str, Tensor] = {
        name: value.detach().cpu().half().contiguous() for name, value in detector.state_dict().items()
    }
    with replacing(path) as partial:
        save_file(tensors, partial)


def load_detector(installed: InstalledDetector) -> Detector:
    """The network with its weights, in evaluation mode, on the CPU.

    Raises:
        WrongWeights: they have changed since they were written, or do not fit the card.
    """
    check_detector(installed)
    return detector_from(installed.weights, config_of(installed.card))


def detector_from(path: Path, config: DetectorConfig) -> Detector:
    """A network of this shape with the weights in a file, in evaluation mode, on the CPU.

    Raises:
        WrongWeights: they do not fit, or are no weights.
    """
    with torch.random.fork_rng(devices=[]):  # the values that it begins with are not wanted
        detector = Detector(config)
    try:
        detector.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (SafetensorError, RuntimeError) as error:
        raise WrongWeights(
            f"{path} holds no weights of this detector: {error}", hint="Train it again: limner detector train"
        ) from error
    return detector.eval()
