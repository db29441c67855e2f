"""COCO in and out.

An export is plain COCO with a few keys that other tools ignore and an import reads back: ``uid``, ``attributes`` and
``provenance`` of annotations, ``sha256`` of images, ``color`` of categories.
"""

from limner.formats.coco.exporting import Segmentations, export_coco
from limner.formats.coco.folder import export_coco_folder
from limner.formats.coco.importing import import_coco
from limner.formats.coco.report import ImportReport, Skipped

__all__ = ["ImportReport", "Segmentations", "Skipped", "export_coco", "export_coco_folder", "import_coco"]
