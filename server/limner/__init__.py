"""Limner: segment images with the Segment Anything Model, in the browser and in Python.

>>> from limner import Predictor            # doctest: +SKIP
>>> predictor = Predictor("samlet")         # doctest: +SKIP

The public names load lazily, so that ``import limner`` costs nothing and the web process never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.segment.automatic import AutomaticMaskGenerator as AutomaticMaskGenerator
    from limner.segment.predictor import Predictor as Predictor

__version__ = "0.1.0"
__all__ = ["AutomaticMaskGenerator", "Predictor", "__version__"]

_LAZY = {
    "AutomaticMaskGenerator": "limner.segment.automatic",
    "Predictor": "limner.segment.predictor",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'limner' has no attribute {name!r}")
