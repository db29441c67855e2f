"""Which way up a picture is: EXIF's orientation, 1 to 8.

EXIF alone counts, in TIFF the tag of the same number. An orientation that stands in XMP only is left alone: browsers,
OpenCV and the loaders of training tools do not know it, so turning the picture would give masks that fit it nowhere
else.
"""

from __future__ import annotations

import struct

from PIL import ExifTags, Image

TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # orientation -> what brings the picture upright


def orientation_of(image: Image.Image) -> int:
    """The orientation of a picture that has been loaded; 0 when its EXIF block cannot be read and says nothing."""
    for name in ("xmp", "XML:com.adobe.xmp"):  # Pillow would take it from there
        image.info.pop(name, None)
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 0
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
