"""The masks of an image as a picture to lie on its thumbnail, for the tiles of the gallery."""

from __future__ import annotations

from dataclasses import dataclass

from limner.access import Actor, Permission, access_image
from limner.encoding.images import thumbnail_size
from limner.formats.tile_masks import TileMask, draw_tile
from limner.service.wiring import Services
from limner.store.annotations import largest_masks
from limner.vocabulary.rle import Rle

MOST = 1000  # masks that are drawn, the largest: smaller ones than that cannot be made out
# Of masks without a category, one after the other: the first ones of web/src/core/palette.ts.
WITHOUT_CATEGORY = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


@dataclass(frozen=True)
class TilePicture:
    """A PNG, None when it was not asked for, and the revision of the image whose masks it shows."""

    png: bytes | None
    revision: int


def tile_masks(context: Services, actor: Actor, image_id: int, known: int | None = None) -> TilePicture:
    """The masks of an image as they are now; not drawn when the revision is the one that is ``known``.

    Raises:
        NotFound: there is no such image that the actor may see.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        revision, height, width = image.revision, image.height, image.width
        if revision == known:
            return TilePicture(None, revision)
        found = largest_masks(session, image_id, MOST)
        masks = [
            TileMask(
                Rle(size=[height, width], counts=row.counts),
                (row.bbox_x, row.bbox_y, row.bbox_width, row.bbox_height),
                color or WITHOUT_CATEGORY[place % len(WITHOUT_CATEGORY)],
            )
            for place, (row, color) in enumerate(found)
        ]
    return TilePicture(draw_tile(masks, height, width, thumbnail_size(height, width)), revision)
