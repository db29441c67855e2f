"""Annotations in: a reader a format, one stream of images, one way into the store."""

from limner.formats.coco.reading import Boxes
from limner.formats.importing.combining import import_files
from limner.formats.importing.marking import ImageMarks, read_marks
from limner.formats.importing.sniffing import FORMATS, ImportFormat, formats_of
from limner.formats.importing.sources import SourceFile, Sources, of_bytes, of_paths, of_stream

__all__ = [
    "FORMATS",
    "Boxes",
    "ImageMarks",
    "ImportFormat",
    "SourceFile",
    "Sources",
    "formats_of",
    "import_files",
    "of_bytes",
    "of_paths",
    "of_stream",
    "read_marks",
]
