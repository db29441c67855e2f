"""YOLO segmentation: a text file of polygons per image, and ``data.yaml`` with the names of the classes.

One line is one annotation: its class, then x and y of every corner as shares of width and height. A mask of several
parts is one line too: the parts are joined by cuts of no width, as holes are (``limner.formats.coco.polygons``), so
that even-odd filling gives back the same pixels. Masks may overlap. The format knows neither crowds nor empty masks:
both are left out. Attributes and provenance are lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from limner.formats.coco.exporting import numbered_snapshot
from limner.formats.coco.polygons import polygons_of
from limner.formats.files import ExportFile, FileNames
from limner.formats.labels import Label, list_labels
from limner.store import Database
from limner.store.annotations import AnnotationState, annotations_of, iterate_images
from limner.store.projects import get_project
from limner.vocabulary import rle


def export_yolo(database: Database, project_id: int, *, skipped: bool = True) -> Iterator[ExportFile]:
    """``data.yaml``, then ``labels/<image name>.txt`` for every image; the images belong into ``images/`` beside.

    Raises:
        NotFound: no such project; at the first file.
    """
    names = FileNames()
    with numbered_snapshot(database, project_id) as session:
        get_project(session, project_id)
        labels = list_labels(session, project_id)
        number_of = {label.category_id: number for number, label in enumerate(labels)}
        yield ExportFile("data.yaml", _yaml(labels))
        for image in iterate_images(session, project_id, skipped=skipped):
            states = annotations_of(session, image.id).annotations
            lines = [
                _line(state, number_of[state.category_id], image.height, image.width)
                for state in states
                if state.area and not state.iscrowd
            ]
            yield ExportFile(f"labels/{names.of(image.file_name)}.txt", "".join(lines).encode())


def _line(state: AnnotationState, number: int, height: int, width: int) -> str:
    corners = joined(polygons_of(rle.decode(state.segmentation)))
    shares = (value / (height if index % 2 else width) for index, value in enumerate(corners))
    return f"{number} {' '.join(f'{share:.7g}' for share in shares)}\n"


def joined(polygons: Sequence[Sequence[int]]) -> list[int]:
    """Several polygons [x0, y0, x1, y1, …] as one line: to each of the others from the first one's start and back."""
    first, *others = polygons
    line = list(first)
    for other in others:
        line += [*first[:2], *other, *other[:2]]
    return line


def _yaml(labels: Sequence[Label]) -> bytes:
    """JSON's strings are YAML's too."""
    names = "".join(
        f"  {number}: {json.dumps(label.name, ensure_ascii=False)}\n" for number, label in enumerate(labels)
    )
    return f"path: .\ntrain: images\nval: images\nnames:{' {}' if not labels else ''}\n{names}".encode()
