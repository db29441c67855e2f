"""Procedural scenes with nested masks: no photo is used, every label is exact.

``patterns``    grey textures: noise, stripes, cells, fur, marble …
``materials``   a pattern, a palette and a scale
``shapes``      outlines around the origin, about one unit in radius
``things``      wholes with limbs, parts and subparts
``light``       shadows, shading, mixing and blurring of pixels
``canvas``      painting things and their labels
``scene``       what stands where
``finish``      camera: light, blur, noise, JPEG
``generator``   scene number i of a seed
"""

from limner.train.scenes.generator import Scene, SceneGenerator

__all__ = ["Scene", "SceneGenerator"]
