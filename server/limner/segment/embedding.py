"""One encoded image, or a region of one: where prompts lie in what was encoded, and where masks lie in the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from limner.errors import InvalidInput, InvalidPrompt
from limner.sam.model import PADDING_LOGIT, Features
from limner.vocabulary.geometry import ImageGeometry, Region
from limner.vocabulary.prompts import Box, Point, Prompts


@dataclass(frozen=True)
class RegionView:
    """A region and the size of the image that it was cut from, in pixels.

    Raises:
        InvalidInput: when the region leaves the image or holds no pixel.
    """

    region: Region
    height: int
    width: int

    def __post_init__(self) -> None:
        r = self.region
        if (
            min(r.x, r.y) < 0
            or min(r.width, r.height) < 1
            or r.x + r.width > self.width
            or r.y + r.height > self.height
        ):
            raise InvalidInput(
                f"The region {r} does not lie in the image of {self.width} × {self.height}.",
                hint="Give x, y, width and height in whole image pixels.",
            )


@dataclass(frozen=True)
class ImageEmbedding:
    """One encoded image. A value: several may be open at once, none is the "current" one.

    Attributes:
        features: what the encoder gave of it.
        geometry: how what was encoded lies in the model's input.
        view: what was encoded, when it was not the whole image.
    """

    features: Features
    geometry: ImageGeometry
    view: RegionView | None = None

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the whole image, in pixels."""
        return (self.view.height, self.view.width) if self.view else (self.geometry.height, self.geometry.width)

    def seen(self, prompts: Prompts) -> Prompts:
        """Prompts in pixels of the image -> in pixels of what was encoded.

        Raises:
            InvalidPrompt: when one lies outside.
        """
        prompts.check_inside(*self.image_size)
        if self.view is None:
            return prompts
        region = self.view.region

        def shifted(point: Point) -> Point:
            x, y = point[0] - region.x, point[1] - region.y
            if not (0 <= x <= region.width and 0 <= y <= region.height):
                raise InvalidPrompt(
                    f"({point[0]:g}, {point[1]:g}) lies outside the region {region}.",
                    hint="Only the region was encoded; prompts and boxes must lie in it.",
                )
            return x, y

        box: Box | None = None
        if prompts.box is not None:
            box = (*shifted(prompts.box[:2]), *shifted(prompts.box[2:]))
        return replace(prompts, points=tuple(map(shifted, prompts.points)), box=box)

    def in_image(self, logits: Tensor) -> Tensor:
        """Logits (..., h, w) of the pixels that were encoded -> (..., H, W); there is no mask elsewhere."""
        if self.view is None:
            return logits
        region, (height, width) = self.view.region, self.image_size
        right, below = width - region.x - region.width, height - region.y - region.height
        return F.pad(logits, (region.x, right, region.y, below), value=PADDING_LOGIT)


def full_size(low_res: Tensor, geometry: ImageGeometry) -> Tensor:
    """Logits (B, K, G, G) over the model's input -> (B, K, H, W) over what was encoded.

    As the reference implementations do: SAM in two bilinear steps, through the model's resolution, where the padding is
    cut off; SAM 2, whose images are stretched, in one.
    """
    if geometry.fit == "stretch":
        return F.interpolate(low_res, (geometry.height, geometry.width), mode="bilinear", align_corners=False)
    input_height, input_width = geometry.input_size
    side = geometry.image_size
    padded = F.interpolate(low_res, (side, side), mode="bilinear", align_corners=False)
    inside = padded[..., :input_height, :input_width]
    return F.interpolate(inside, (geometry.height, geometry.width), mode="bilinear", align_corners=False)
