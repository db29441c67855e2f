"""SA-1B's JSON: one document per image, masks as COCO RLE; ``limner.formats.importing`` reads it into projects.

An export has a few keys that other tools ignore and an import reads back: ``category``, ``uid``, ``iscrowd``,
``attributes`` and ``provenance`` of annotations, ``sha256`` of the image. With them a round trip changes nothing.
"""

from limner.formats.sa1b.document import annotation_entry, document_bytes, image_entry, read_document
from limner.formats.sa1b.exporting import export_sa1b

__all__ = [
    "annotation_entry",
    "document_bytes",
    "export_sa1b",
    "image_entry",
    "read_document",
]
