"""What a file is, by how it begins; its name has no say."""

from __future__ import annotations

from limner.errors import InvalidImage

ACCEPTED = "JPEG, PNG, WebP, TIFF or BMP"
HEAD_BYTES = 512  # that tell what a file is

_SIGNATURES = (
    ("JPEG", (b"\xff\xd8\xff",)),
    ("PNG", (b"\x89PNG\r\n\x1a\n",)),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("BMP", (b"BM",)),
)
_OTHERS = (
    ((b"GIF8",), "a GIF"),
    ((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "a JPEG 2000"),
    ((b"\0\0\0\x0cJXL ", b"\xff\x0a"), "a JPEG XL"),
    ((b"II\xbc\x01",), "a JPEG XR"),
    ((b"8BPS",), "a Photoshop file"),
    ((b"v/1\x01",), "an OpenEXR file"),
    ((b"#?RADIANCE", b"#?RGBE"), "a Radiance HDR file"),
    ((b"SIMPLE  =",), "a FITS file"),
    ((b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW"), "a camera's raw file"),
    ((b"\0\0\x01\0", b"\0\0\x02\0"), "an icon"),
    ((b"%PDF",), "a PDF"),
    ((b"\x89HDF",), "an HDF5 file"),
    ((b"\x93NUMPY",), "a NumPy array"),
    ((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"), "an archive"),
    ((b"\x1a\x45\xdf\xa3",), "a video"),
)
_ISO_MEDIA = {b"avif": "an AVIF", b"avis": "an AVIF", b"crx ": "a camera's raw file (CR3)"}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def sniff(data: bytes) -> str:
    """The accepted format that these bytes begin like: JPEG, PNG, WEBP, TIFF or BMP.

    Raises:
        InvalidImage: when there is none; says what the file looks like instead.
    """
    found = known_format(data)
    if found is None:
        what = "is empty" if not data else _describe(data)
        raise InvalidImage(f"The file {what}.", hint=f"Give a {ACCEPTED} file.")
    return found


def known_format(head: bytes) -> str | None:
    """The accepted format that a file with this beginning has, if any."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for name, starts in _SIGNATURES if head.startswith(starts)), None)


def picture_kind(head: bytes) -> str | None:
    """What a picture that is not accepted is, as in "a GIF"; None for what is no picture, as texts and archives are.

    Args:
        head: the first :data:`HEAD_BYTES` bytes of the file.
    """
    kind = _other_kind(head)
    return None if kind in ("an archive", "a video", "a PDF", "an HDF5 file", "a NumPy array") else kind


def _describe(data: bytes) -> str:
    """What a file that is not accepted looks like, to complete the sentence "The file …"."""
    head = data[:HEAD_BYTES].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")):
        return "is an SVG, XML or HTML document, not a picture of pixels"
    kind = _other_kind(data)
    return f"is {kind}, not an image of an accepted format" if kind else "is not an image"


def _other_kind(data: bytes) -> str | None:
    head = data[:HEAD_BYTES].lower()
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return _ISO_MEDIA.get(brand, "a HEIC" if brand in _HEIF_BRANDS else "a video")
    if data[128:132] == b"DICM":
        return "a DICOM file"
    if len(head) > 2 and head[:1] == b"p" and head[1:2] in b"1234567f" and head[2:3] in b" \t\r\n":
        return "a Netpbm picture"
    return next((kind for starts, kind in _OTHERS if head.startswith(tuple(map(bytes.lower, starts)))), None)
