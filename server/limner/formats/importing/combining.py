"""Files of any format into a project: one reader's images become a COCO file on disk, which is then imported.

So every format goes through the same checks, finds its images by the same rules, and writes in the same way; nothing is
written before all files have been read. Memory holds one image at a time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from typing import IO, Any

from limner.errors import InvalidFile, InvalidInput
from limner.formats.coco.exporting import unlabelled_category
from limner.formats.coco.importing import SPOOL_BYTES, import_coco
from limner.formats.coco.matching import images_of_project
from limner.formats.coco.reading import Boxes
from limner.formats.coco.report import ImportReport, SkipList
from limner.formats.importing.cvat import read_cvat
from limner.formats.importing.label_studio import read_label_studio
from limner.formats.importing.labelme import read_labelme
from limner.formats.importing.masks import read_masks
from limner.formats.importing.names import ImageNames
from limner.formats.importing.sa1b import read_sa1b
from limner.formats.importing.sniffing import ImportFormat, json_format, sniff
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, Reader, ReadImage, Reading
from limner.formats.importing.voc import read_voc
from limner.formats.importing.yolo import read_yolo
from limner.formats.json_stream import MAX_ELEMENT
from limner.store import Database
from limner.store.projects import get_project
from limner.vocabulary.names import check_text, one_line

READERS: dict[ImportFormat, Reader] = {
    "sa1b": read_sa1b,
    "yolo": read_yolo,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "label-studio": read_label_studio,
    "voc": read_voc,
    "masks": read_masks,
}
UNLABELLED_ID = 0  # in the COCO file that is written between


def import_files(
    database: Database,
    project_id: int,
    sources: Sources,
    *,
    form: ImportFormat | None = None,
    boxes: Boxes = "skip",
    preview: bool = False,
    user_id: int | None = None,
) -> ImportReport:
    """Add the annotations of files to the images that the project has.

    What cannot be used is left out and listed with its reason; everything else goes in. Importing the same files again
    adds nothing.

    Args:
        database: where the project is.
        project_id: the project.
        sources: the files, all of one format.
        form: the format; None finds it out.
        boxes: what becomes of boxes without a mask.
        preview: write nothing, and report what would be added.
        user_id: who imports.

    Raises:
        NotFound: no such project.
        InvalidFile: the files are of no known format, or broken as a whole. Nothing has been written.
    """
    with database.read() as session:
        get_project(session, project_id)
        names = ImageNames(images_of_project(session, project_id))
    form = sniff(sources) if form is None else form
    skipped = SkipList()
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        if form == "coco":
            report = _import_coco_files(
                database, project_id, sources, skipped, user_id=user_id, preview=preview, boxes=boxes
            )
        else:
            reader = READERS[form]
            write_coco(reader(sources, Reading(names, skipped, boxes)), spool, skipped)
            spool.seek(0)
            report = import_coco(
                database, project_id, spool, user_id=user_id, skipped=skipped, preview=preview, named=True
            )
    return ImportReport(**{**vars(report), "format": form})


def _import_coco_files(
    database: Database,
    project_id: int,
    sources: Sources,
    skipped: SkipList,
    *,
    user_id: int | None,
    preview: bool,
    boxes: Boxes,
) -> ImportReport:
    """COCO files one after the other; of several, all are read before one is written."""
    files = coco_files(sources)
    if len(files) > 1 and not preview:
        for file in files:  # a broken one would leave the others half imported
            with file.open() as opened:
                import_coco(database, project_id, opened, skipped=SkipList(), preview=True, boxes=boxes)
    total = ImportReport(0, 0, 0, [], preview=preview)
    for file in files:
        with file.open() as opened:
            report = import_coco(
                database, project_id, opened, user_id=user_id, skipped=skipped, preview=preview, boxes=boxes
            )
        counts = total.by_category
        for name, count in report.by_category.items():
            counts[name] = counts.get(name, 0) + count
        total = ImportReport(
            max(total.categories, report.categories) if preview else total.categories + report.categories,
            total.images + report.images,
            total.annotations + report.annotations,
            report.skipped,
            unmatched=total.unmatched + report.unmatched,
            by_category=counts,
            statements=total.statements + report.statements,
            preview=preview,
            tags=total.tags + report.tags,
        )
    return total


def coco_files(sources: Sources) -> list[SourceFile]:
    """The COCO files among these.

    Raises:
        InvalidFile: there is none.
    """
    files = list(sources.with_suffix(".json")) or list(sources)
    if len(files) > 1:
        files = [file for file in files if json_format(file) == "coco"]
    if not files:
        raise InvalidFile("There is no COCO file.", hint="Give a JSON file with images, annotations and categories.")
    return files


def write_coco(read: Iterable[ReadImage | ReadCategory], spool: IO[bytes], skipped: SkipList) -> None:
    """Write what a reader gives as one COCO file, whose annotations have a ``name`` that says where they come from."""
    categories: dict[str | None, int] = {None: UNLABELLED_ID}
    colors: dict[str, str] = {}
    annotations = images = 0
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as table:
        spool.write(b'{"annotations":[')
        for item in read:
            if isinstance(item, ReadCategory):
                name = _category(item.name)
                if name is None:
                    skipped.add("category", item.name, "a name is one line of 1 to 255 characters")
                elif categories.setdefault(name, len(categories)) and item.color:
                    colors.setdefault(name, item.color)
                continue
            images += 1
            table.write((b"," if images > 1 else b"") + _json(_image(item, images)))
            for annotation in item.annotations:
                category = None if annotation.category is None else _category(annotation.category)
                if category is None and annotation.category is not None:
                    skipped.add("annotation", annotation.name, "its category is no line of 1 to 255 characters")
                    continue
                number = categories.setdefault(category, len(categories))
                try:
                    entry = _json(_annotation(annotation, images, annotations + 1, number))
                except (ValueError, RecursionError) as error:  # what is no JSON would have the whole file refused
                    deep = isinstance(error, RecursionError)
                    why = "It is nested too deeply." if deep else "It has a number that is not finite."
                    skipped.add("annotation", annotation.name, why)
                    continue
                if len(entry) > MAX_ELEMENT:  # the importer would refuse the whole file for it
                    skipped.add("annotation", annotation.name, "Its outline has too many corners; give a mask.")
                    continue
                annotations += 1
                spool.write((b"," if annotations > 1 else b"") + entry)
        listed: list[dict[str, Any]] = [unlabelled_category(UNLABELLED_ID)]
        listed += [{"id": n, "name": name, "color": colors.get(name)} for name, n in categories.items() if name]
        spool.write(b'],"categories":' + _json(listed) + b',"images":[')
        table.seek(0)
        shutil.copyfileobj(table, spool)
        spool.write(b"]}")


def _image(image: ReadImage, number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number, "file_name": image.file_name, "sha256": image.sha256}
    if image.size is not None:
        entry["height"], entry["width"] = image.size
    return entry


def _annotation(annotation: ReadAnnotation, image_id: int, number: int, category_id: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": annotation.name,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": annotation.segmentation,
        "iscrowd": annotation.iscrowd,
        "uid": annotation.uid,
        "attributes": annotation.attributes,
        "provenance": annotation.provenance,
    }


def _category(name: str) -> str | None:
    try:
        return one_line(check_text(one_line(name), "category name"))
    except InvalidInput:
        return None


def _json(value: object) -> bytes:
    return json.dumps(value, allow_nan=False).encode()
