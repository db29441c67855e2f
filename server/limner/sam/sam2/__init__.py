"""SAM 2.1 (Ravi et al. 2024, arXiv:2408.00714) for single images: what it needs of video is left out.

================  ==================================================================
``hiera``         the image encoder's trunk: four stages of windowed attention
``neck``          the feature pyramid on top of it
``decoder``       SAM's mask decoder with skip connections and an object score
``factored``      that decoder rearranged: per image, then per click
``model``         put together behind the seam
================  ==================================================================
"""

from limner.sam.sam2.hiera import HIERA_BASE_PLUS, HIERA_LARGE, HIERA_SMALL, HIERA_TINY, HieraConfig
from limner.sam.sam2.model import Sam2

__all__ = ["HIERA_BASE_PLUS", "HIERA_LARGE", "HIERA_SMALL", "HIERA_TINY", "HieraConfig", "Sam2"]
