"""What files of any format mark on images, for a model to make masks of; nothing is imported."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from limner.formats.coco.importing import SPOOL_BYTES, checked_coco
from limner.formats.coco.matching import ProjectImages
from limner.formats.coco.report import SkipList
from limner.formats.coco.writing import Checked
from limner.formats.importing.combining import READERS, coco_files, write_coco
from limner.formats.importing.names import ImageNames
from limner.formats.importing.sniffing import ImportFormat, sniff
from limner.formats.importing.sources import Sources
from limner.formats.importing.stream import Reading
from limner.vocabulary import rle
from limner.vocabulary.suggested import MarkedObject


@dataclass
class ImageMarks:
    """The objects that files mark, by the id of their image, and the categories that they list."""

    by_image: dict[int, list[MarkedObject]] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Objects in all."""
        return sum(map(len, self.by_image.values()))


def read_marks(
    project: ProjectImages, sources: Sources, skipped: SkipList, *, form: ImportFormat | None = None
) -> ImageMarks:
    """Read files that are all of one format, through the checks of an import.

    Args:
        project: the images that files may mean.
        sources: the files.
        skipped: takes what cannot be used.
        form: their format; None finds it out.

    Raises:
        InvalidFile: the files are of no known format, or broken as a whole.
    """
    form = sniff(sources) if form is None else form
    marks = ImageMarks()
    if form == "coco":
        for file in coco_files(sources):
            with file.open() as opened, tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
                while piece := opened.read(1 << 20):  # a file in an archive cannot be read twice at will
                    spool.write(piece)
                _add(marks, project, spool, skipped, named=False)
        return marks
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        write_coco(READERS[form](sources, Reading(ImageNames(project), skipped, "rectangle")), spool, skipped)
        _add(marks, project, spool, skipped, named=True)
    return marks


def _add(
    marks: ImageMarks,
    project: ProjectImages,
    spool: tempfile.SpooledTemporaryFile[bytes],
    skipped: SkipList,
    *,
    named: bool,
) -> None:
    with checked_coco(spool, project, skipped, named=named, boxes="rectangle") as read:
        for category in read.categories:
            if category.name is not None and category.name not in marks.categories:
                marks.categories.append(category.name)
        for image_id, some in groupby(_objects(read.by_image()), lambda each: each[0]):
            marks.by_image.setdefault(image_id, []).extend(marked for _, marked in some)


def _objects(checked: Iterator[Checked]) -> Iterator[tuple[int, MarkedObject]]:
    """Without crowds and empty masks: no box is theirs."""
    for each in checked:
        if each.iscrowd or not rle.area(each.mask):
            continue
        x, y, width, height = rle.bbox(each.mask)
        confidence = each.attributes.get("confidence")
        is_known = isinstance(confidence, int | float) and not isinstance(confidence, bool) and 0 <= confidence <= 1
        box = _only_box(each)
        yield (
            each.image_id,
            MarkedObject(
                box=box or (x, y, x + width, y + height),
                counts=None if box else each.mask["counts"],
                confidence=float(confidence) if is_known and isinstance(confidence, int | float) else None,
                category=each.category,
            ),
        )


def _only_box(checked: Checked) -> tuple[float, float, float, float] | None:
    """The box of an object that has nothing else: its mask is a rectangle, made of it by the reader."""
    prompts = (checked.provenance or {}).get("prompts") or {}
    if not prompts.get("box") or prompts.get("points") or (checked.provenance or {}).get("model_sha256"):
        return None
    *_, width, height = rle.bbox(checked.mask)
    if rle.area(checked.mask) != width * height:
        return None
    x0, y0, x1, y1 = map(float, prompts["box"])
    return x0, y0, x1, y1
