"""Segment everything: a grid of points, crops, filters and non-maximum suppression (SAM paper, appendix B)."""

from limner.segment.automatic.generator import AutomaticMask, AutomaticMaskGenerator

__all__ = ["AutomaticMask", "AutomaticMaskGenerator"]
