"""Values of pixels -> 8 bits RGB as people see them: deep greys, transparency, gamma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WINDOW_PERCENTILES = (0.5, 99.5)  # of a grey image with more than 8 bits; below is black, above is white
WINDOW_SAMPLES = 1 << 22  # pixels from which the percentiles are taken
USUAL_GAMMA = 1 / 2.2  # of PNG's gAMA chunk
GAMMA_TOLERANCE = 0.05  # as libpng has it: closer values are meant to be the usual one
GAMMA_RANGE = (0.05, 5.0)  # values beyond are mistakes

_DEEP_GREYS = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")


def flatten(image: Image.Image, *, inverted: bool = False) -> tuple[Image.Image, bool]:
    """Any Pillow mode -> RGB, and whether browsers would show the file differently.

    Transparency is laid on white. Greys of more than 8 bits are windowed.

    Args:
        image: decoded.
        inverted: the grey 0 is white.
    """
    if image.mode in _DEEP_GREYS:
        return window(np.asarray(image), inverted=inverted), True
    table = _gamma_table(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() == (255, 255):
            return _through(rgba.convert("RGB"), table), bool(table)
        if table:
            rgba = Image.merge("RGBA", (*_through(rgba.convert("RGB"), table).split(), rgba.getchannel("A")))
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB"), True
    rgb = image if image.mode == "RGB" else image.convert("RGB")  # which would copy
    return _through(rgb, table), bool(table)


def window(values: NDArray[np.generic], *, inverted: bool = False) -> Image.Image:
    """Greys (H, W) of any number type -> RGB, between two percentiles of the finite values.

    Where the percentiles coincide (a few bright dots on black), minimum and maximum take their place; a constant image
    becomes black. Values that are not finite become black.
    """
    stride = max(1, int(np.ceil(np.sqrt(values.size / WINDOW_SAMPLES))))
    sample = values[::stride, ::stride].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, WINDOW_PERCENTILES) if sample.size else (0.0, 0.0)
    if low == high and sample.size:
        low, high = float(sample.min()), float(sample.max())
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, values.shape[0], 512):  # a band at a time: floats are eight times as large
        band = values[top : top + 512].astype(np.float64)
        with np.errstate(invalid="ignore"):
            scaled = (np.clip(band, low, high) - low) * (255 / (high - low) if high > low else 0.0)
        grey[top : top + 512] = np.where(np.isfinite(band), np.rint(scaled), 0)
    return Image.fromarray(255 - grey if inverted else grey).convert("RGB")


def _gamma_table(image: Image.Image) -> list[int] | None:
    """What browsers make of the values of a PNG with a gAMA chunk, as a table; None when they leave them alone.

    A sample s stands for the light s^(1/gamma); it is shown in sRGB. A colour profile, or the word that the picture is
    sRGB, goes before gAMA (PNG specification, 12.1).
    """
    gamma = image.info.get("gamma") if image.format == "PNG" else None
    if not gamma or "srgb" in image.info or image.info.get("icc_profile"):
        return None
    if abs(gamma / USUAL_GAMMA - 1) <= GAMMA_TOLERANCE or not GAMMA_RANGE[0] <= gamma <= GAMMA_RANGE[1]:
        return None
    light = (np.arange(256) / 255) ** (1 / gamma)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [round(255 * value) for value in srgb.tolist()]


def _through(rgb: Image.Image, table: list[int] | None) -> Image.Image:
    return rgb.point(table * 3) if table else rgb
