"""What an export would hold, counted before it is made, and what it would be called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from limner.access import Actor, Permission, access_project
from limner.formats.exports import ExportChoice
from limner.formats.files import safe_path
from limner.formats.tolerance import ToleranceCost, tolerance_cost
from limner.service.wiring import Services
from limner.store.categories import list_categories
from limner.store.export_choice import ExportCounts, chosen_images, count_categories, count_chosen, sample_masks
from limner.store.types import utc_now
from limner.vocabulary.names import cut_to_bytes
from limner.vocabulary.rle import Rle

SAMPLED_MASKS = 64
SAMPLED_PIXELS = 300_000_000  # of the images of those masks, together
MAX_NAME_BYTES = 120  # of a project, in the name of a file


@dataclass(frozen=True)
class CategoryShare:
    """How many annotations an export has of a category; None: of none."""

    category: str | None
    annotations: int


@dataclass(frozen=True)
class ExportPreview:
    """What an export would hold.

    Attributes:
        counts: of images and annotations that are chosen, and of those that are left out.
        by_category: annotations that are written, the most frequent category first.
        parts: images in each part of the split; empty without one.
        no_outline: annotations on those images that the format cannot say: crowds and empty masks in YOLO.
        file_name: what it is called when it is downloaded.
    """

    counts: ExportCounts
    by_category: Sequence[CategoryShare]
    parts: Mapping[str, int]
    no_outline: int
    file_name: str

    @property
    def annotations(self) -> int:
        """How many are written."""
        return sum(each.annotations for each in self.by_category)


def preview_export(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> ExportPreview:
    """Count what an export would hold; nothing is read but numbers.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
        InvalidInput: the choice does not go together.
    """
    choice.check()
    among = choice.for_person(actor.user_id).among
    with context.database.read() as session:
        project = access_project(session, actor, project_id, Permission.EXPORT)
        chosen = chosen_images(project_id, among)
        bounds = choice.split.bounds if choice.split else ()
        counts = count_chosen(session, project_id, chosen, bounds)
        categories = count_categories(session, project_id, chosen)
        names: dict[int | None, str] = {each.id: each.name for each in list_categories(session, project_id)}
        called = _name(project.name, choice)
    lost = {each.category_id: each.crowds + each.empty if choice.format == "yolo" else 0 for each in categories}
    shares = [
        CategoryShare(names.get(each.category_id), each.annotations - lost[each.category_id]) for each in categories
    ]
    parts = dict(zip(choice.split.parts, counts.parts, strict=True)) if choice.split else {}
    return ExportPreview(counts, [each for each in shares if each.annotations], parts, sum(lost.values()), called)


def measure_tolerance(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> ToleranceCost:
    """What the tolerance of polygons costs, on a sample of the masks that are chosen.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
        InvalidInput: the choice does not go together.
    """
    choice.check()
    among = choice.for_person(actor.user_id).among
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.EXPORT)
        masks = sample_masks(session, project_id, chosen_images(project_id, among), SAMPLED_MASKS)
    return tolerance_cost(list(_within(masks, SAMPLED_PIXELS)), choice.tolerance)


def file_name(context: Services, actor: Actor, project_id: int, choice: ExportChoice) -> str:
    """What an export is called when it is downloaded.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not export it.
    """
    with context.database.read() as session:
        return _name(access_project(session, actor, project_id, Permission.EXPORT).name, choice)


def _name(project: str, choice: ExportChoice) -> str:
    """``cats-2026-11-29-yolo.zip``."""
    name = cut_to_bytes(safe_path(project.replace("/", "_")).as_posix(), MAX_NAME_BYTES)
    kind = "coco-polygons" if choice.format == "coco" and choice.has_polygons else choice.format
    return f"{name}-{utc_now():%Y-%m-%d}-{kind}.{'json' if choice.is_one_file else 'zip'}"


def _within(masks: Sequence[Rle], pixels: int) -> Iterator[Rle]:
    """The first masks, whose images have so many pixels together; one at least."""
    total = 0

    def fits(mask: Rle) -> bool:
        nonlocal total
        before, total = total, total + mask["size"][0] * mask["size"][1]
        return before < pixels

    return takewhile(fits, masks)
