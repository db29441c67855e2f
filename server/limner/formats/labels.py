"""The categories of a project as numbered classes, for formats that number them from 0 or 1 without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.formats.coco.exporting import UNLABELLED_NAME, category_numbers, is_anything_unlabelled
from limner.store.categories import list_categories

UNLABELLED_COLOR = "#808080"


@dataclass(frozen=True)
class Label:
    """One class; ``category_id`` None stands for annotations without a category, ``number`` is its id in COCO."""

    category_id: int | None
    number: int
    name: str
    supercategory: str
    color: str


def list_labels(session: Session, project_id: int) -> Sequence[Label]:
    """The project's categories in their order; at the end "unlabelled", when there are annotations without one."""
    labels = [Label(c.id, c.number, c.name, c.supercategory, c.color) for c in list_categories(session, project_id)]
    if is_anything_unlabelled(session, project_id):
        number = category_numbers(session, project_id)[None]
        labels.append(Label(None, number, UNLABELLED_NAME, "", UNLABELLED_COLOR))
    return labels


def rgb_of(color: str) -> tuple[int, int, int]:
    """``#rrggbb`` -> three values of 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
