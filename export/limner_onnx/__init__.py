"""A model as ONNX: ``prepare`` once per image, ``decode`` once per click, and the manifest that describes them.

Export composes what ``limner.sam`` offers and never rewrites it; the result is compared with torch before
anybody sees it.
"""

from limner_onnx.exporter import copy_graphs, export_model

__all__ = ["copy_graphs", "export_model"]
