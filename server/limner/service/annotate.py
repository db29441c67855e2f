"""Masks for whole projects without anybody drawing: of what files mark, and of suggestions that are sure enough."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from limner.access import Actor, Permission, access_image, access_job, access_project
from limner.errors import InvalidInput
from limner.formats.coco.matching import images_of_project
from limner.formats.coco.report import SkipList, Skipped
from limner.formats.importing import ImportFormat, Sources, read_marks
from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest_jobs import KIND, WINDOW, add_marked, start_marked
from limner.service.annotating import apply_operation
from limner.service.models import key_of
from limner.service.projects import check_project
from limner.service.wiring import Services
from limner.store.annotations import annotations_of
from limner.store.categories import announce_categories, create_category, list_categories
from limner.store.jobs import unfinished_job
from limner.store.suggestions import next_image_with_suggestions, suggestions_of
from limner.store.tables import Job, Suggestion
from limner.vocabulary.operations import CreateOperation, Provenance, Segmentation
from limner.vocabulary.rle import Rle
from limner.vocabulary.states import SuggestionOrigin
from limner.vocabulary.suggested import SAME, Marked, MarkedObject, mask_iou

__all__ = ["AcceptedSuggestions", "MarkedJob", "accept_suggestions", "suggest_marked"]


@dataclass(frozen=True)
class MarkedJob:
    """The job that makes masks of what files mark.

    Attributes:
        objects: that the files mark on images of the project.
        skipped: what could not be used, by reason.
    """

    job: Job
    objects: int
    skipped: Sequence[Skipped]


@dataclass(frozen=True)
class AcceptedSuggestions:
    """How many suggestions became annotations, how many were there already, and how many wait for somebody."""

    accepted: int = 0
    same: int = 0
    doubtful: int = 0


def suggest_marked(
    context: Services, actor: Actor, project_id: int, sources: Sources, form: ImportFormat | None = None
) -> MarkedJob:
    """Start a job that has the project's model make masks of the boxes and outlines in files, as suggestions.

    Categories that the project lacks are created. The same files again, while their job is unfinished, are that job.
    Items are made some images at a time, so that nobody who saves waits long; cut off in between, the same files go on.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not start jobs in it, or not import.
        Conflict: it has an unfinished job of this kind that does something else.
        InvalidFile: the files are of no known format, or broken as a whole.
        InvalidInput: they mark nothing on images of this project.
    """
    check_project(context, actor, project_id, Permission.IMPORT)
    skipped = SkipList()
    with context.database.read() as session:
        project = images_of_project(session, project_id)
    marks = read_marks(project, sources, skipped, form=form)
    if not marks.count:
        why = "; ".join(f"{each.what}: {each.why}" for each in skipped.summary()[:3])
        raise InvalidInput(
            "The files mark nothing on images of this project.",
            hint=why or "Give files that name the project's images, with boxes or outlines.",
        )
    digest = hashlib.sha256()
    for image_id, objects in sorted(marks.by_image.items()):
        digest.update(f"{image_id}".encode() + b"".join(each.model_dump_json().encode() for each in objects))
    with context.database.write() as session:
        row = access_project(session, actor, project_id, Permission.RUN_JOBS)
        known = {category.name: category.id for category in list_categories(session, project_id)}
        missing = [name for name in marks.categories if name not in known]
        for name in missing:
            known[name] = create_category(session, project_id, name).id
        if missing:
            announce_categories(session, project_id)
        request = Marked(digest=digest.hexdigest())
        payload = SuggestPayload(
            model_sha256=key_of(context, row).model_sha256, request=request, last_image=max(marks.by_image)
        )
        job = unfinished_job(session, project_id, KIND)
        if job is None or job.payload != payload.model_dump(mode="json"):  # another one is a conflict
            job = start_marked(session, project_id, payload, len(marks.by_image))
    numbered = _numbered(marks.by_image, known)
    for start in range(0, len(numbered), WINDOW):
        with context.database.write() as session:
            mine = access_job(session, actor, job.id, Permission.RUN_JOBS)
            if not add_marked(session, mine, numbered[start : start + WINDOW]):
                break
    context.suggester.look_again()
    with context.database.read() as session:
        return MarkedJob(access_job(session, actor, job.id, Permission.RUN_JOBS), marks.count, skipped.summary())


def accept_suggestions(
    context: Services, actor: Actor, project_id: int, source: SuggestionOrigin, least: float
) -> AcceptedSuggestions:
    """Make annotations of the open suggestions of one origin that are sure enough, as if somebody had taken them.

    One that is the same object as an annotation (IoU above 0.7) stays a suggestion, which the page hides. Cut off and
    called again, this goes on; nothing is taken twice.

    Args:
        context: the services.
        actor: who takes them.
        project_id: in which project.
        source: where the suggestions come from.
        least: score of those that are taken, 0 to 1.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not annotate in it.
    """
    check_project(context, actor, project_id, Permission.ANNOTATE)
    accepted = same = doubtful = 0
    last = 0
    while True:
        with context.database.read() as session:
            image_id = next_image_with_suggestions(session, project_id, source, last)
            if image_id is None:
                return AcceptedSuggestions(accepted, same, doubtful)
            image = access_image(session, actor, image_id, Permission.ANNOTATE)
            height, width = image.height, image.width
            rows = [row for row in suggestions_of(session, image_id) if row.state == "open" and row.origin == source]
            known = annotations_of(session, image_id)
        last, revision = image_id, known.revision
        masks = [state.segmentation for state in known.annotations]
        for row in rows:
            mask = Rle(size=[height, width], counts=row.counts)
            if row.score < least:
                doubtful += 1
            elif any(mask_iou(mask, other) > SAME for other in masks):
                same += 1
            else:
                operation_id = str(uuid5(UUID(row.uid), "accepted"))
                applied = apply_operation(context, actor, image_id, operation_id, _creation(row, mask), revision)
                revision = applied.revision
                masks.append(mask)
                accepted += 1


def _numbered(
    marked: Mapping[int, Sequence[MarkedObject]], categories: Mapping[str, int]
) -> Sequence[tuple[int, Sequence[MarkedObject]]]:
    """The objects of each image, by its number, with the ids of their categories in the project."""
    return [
        (
            image_id,
            [
                each.model_copy(update={"category_id": None if each.category is None else categories[each.category]})
                for each in objects
            ],
        )
        for image_id, objects in sorted(marked.items())
    ]


def _creation(row: Suggestion, mask: Rle) -> CreateOperation:
    points, box = row.prompt.get("points") or [], row.prompt.get("box")
    return CreateOperation(
        kind="create",
        uid=uuid4(),
        category_id=row.category_id,
        segmentation=Segmentation.model_validate(mask),
        provenance=Provenance.model_validate(
            {
                "model_sha256": row.model_sha256,
                "prompts": {"points": points, "box": box, "mask": False},
                "origin": {"suggestion": row.uid, "source": row.origin, "score": row.score},
            }
        ),
    )
