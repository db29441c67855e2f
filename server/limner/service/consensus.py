"""What several people made of an image beside each other, what they agree on, and saying what is on it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_image, permissions_on
from limner.access.transitions import check_transition
from limner.errors import Conflict, InvalidInput, StaleRevision
from limner.quality.consensus import consensus_mask, disputed_pixels, group, most_said
from limner.quality.matching import match
from limner.quality.overlap import NumberedMask
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store.agreement import Answer, answers_to
from limner.store.names import names_of_users
from limner.store.operations import announce_annotations, apply_operations
from limner.store.tables import Annotation, Image
from limner.vocabulary.operations import (
    CreateOperation,
    DeleteOperation,
    MarkOperation,
    Operation,
    Segmentation,
    Step,
)
from limner.vocabulary.rle import Rle
from limner.vocabulary.states import ImageState

SettledAs = Literal["approved", "submitted"]
Seen = Collection[tuple[int, int]]  # (number, revision) of every copy


@dataclass(frozen=True)
class Thing:
    """Masks of one thing, one of each person who marked it, and what they agree on.

    Attributes:
        masks: with the number of who made it, by that.
        consensus: the mask that stands for all.
        disputed: pixels that some of the masks have and others have not.
        category_id: that most gave, of equals the first one's.
        agreed: whether more than half of all people marked it, and most gave this category.
        iou: the mean IoU of each two masks, 0 to 1; None: only one person marked it.
    """

    masks: Sequence[tuple[int, NumberedMask]]
    consensus: Rle
    disputed: Rle
    category_id: int | None
    agreed: bool
    iou: float | None


@dataclass(frozen=True)
class Compared:
    """An image with what people made of it; things on which they do not agree come first, then by IoU."""

    image: Image
    answers: Sequence[Answer]
    names: Mapping[int, str]
    things: Sequence[Thing]


@dataclass(frozen=True)
class Chosen:
    """Masks that people made, of which the consensus is to be an annotation of the image, in this category."""

    annotations: Sequence[int]
    category_id: int | None


def compare_answers(context: Services, actor: Actor, image_id: int) -> Compared:
    """What people who are done with an image made of it, and what they agree on.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not review it.
        Conflict: it is not one on which several people work.
    """
    with context.database.read() as session:
        image = _shared_image(session, actor, image_id)
        answers = answers_to(session, image.id)
        names = names_of_users(session, [answer.user_id for answer in answers])
    return Compared(image, answers, names, _things(answers))


def settle(
    context: Services,
    actor: Actor,
    image_id: int,
    masks: Sequence[Chosen],
    state: SettledAs,
    *,
    revision: int,
    seen: Seen,
) -> int:
    """Say what is on an image on which several people worked; it is an image like any other from then on.

    What is on it is replaced in one step, which whoever did it can take back like any other. What people made stays on
    their copies: an image can be settled again.

    Args:
        context: the services.
        actor: who says it.
        image_id: the image itself.
        masks: what is to be on it, from the bottom to the top.
        state: how far the work on it is then.
        revision: of the image, as the actor saw it.
        seen: the copies as the actor saw them.

    Returns:
        Its revision.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not review it.
        Conflict: it is not one on which several people work, or nobody is done with it.
        InvalidInput: a mask is none that somebody made on a copy of it, or is named twice.
        StaleRevision: the image or a copy was changed since.
        UnknownCategory: a category is not one of the project's.
    """
    with context.database.read() as session:
        image = _shared_image(session, actor, image_id)
        answers = answers_to(session, image.id)
    _check_seen(image, answers, revision, seen)
    made = _chosen_masks(answers, masks)
    results = [(consensus_mask(rles), chosen.category_id) for rles, chosen in zip(made, masks, strict=True)]
    with context.database.write() as session:
        image = _shared_image(session, actor, image_id, lock=True)
        answers = answers_to(session, image.id)
        _check_seen(image, answers, revision, seen)
        check_transition(cast(ImageState, image.state), state, permissions_on(session, actor, image))
        operations = _operations(session, image, results, state)
        apply_operations(session, image, operations, user_id=actor.user_id)
        people = [answer.user_id for answer in answers]
        said = {"people": people, "masks": len(masks), "state": state}
        log_action(session, actor, "image.settle", "image", image.id, project_id=image.project_id, **said)
        announce_annotations(session, image)
        return image.revision


def _shared_image(session: Session, actor: Actor, image_id: int, *, lock: bool = False) -> Image:
    image = access_image(session, actor, image_id, Permission.REVIEW, lock=lock)
    if image.overlap is None:
        raise Conflict(
            f"Image {image.id} is not one on which several people work.",
            hint="The images that are stand on the project's page of agreement.",
        )
    return image


def _things(answers: Sequence[Answer]) -> Sequence[Thing]:
    by_number = {mask.number: (answer.user_id, mask) for answer in answers for mask in answer.masks}
    maker = {number: user_id for number, (user_id, _) in by_number.items()}
    ious: dict[tuple[int, int], float] = {}
    for place, first in enumerate(answers):
        for second in answers[place + 1 :]:
            for pair in match([each.mask for each in first.masks], [each.mask for each in second.masks]):
                ious[first.masks[pair.reference].number, second.masks[pair.given].number] = pair.iou
    groups = group(((one, other, iou) for (one, other), iou in ious.items()), maker)
    people = sum(answer.state == "submitted" for answer in answers)
    things = [_thing([by_number[number] for number in each], ious, people) for each in groups]
    return sorted(
        things, key=lambda thing: (thing.agreed, len(thing.masks), thing.iou or 0.0, thing.masks[0][1].number)
    )


def _thing(masks: Sequence[tuple[int, NumberedMask]], ious: Mapping[tuple[int, int], float], people: int) -> Thing:
    masks = sorted(masks, key=lambda each: each[0])
    numbers = {mask.number for _, mask in masks}
    within = [iou for pair, iou in ious.items() if numbers.issuperset(pair)]
    category, most = most_said([mask.category for _, mask in masks])
    return Thing(
        masks,
        consensus_mask([mask.mask for _, mask in masks]),
        disputed_pixels([mask.mask for _, mask in masks]),
        category,
        agreed=most and 2 * len(masks) > people,
        iou=sum(within) / len(within) if within else None,
    )


def _check_seen(image: Image, answers: Sequence[Answer], revision: int, seen: Seen) -> None:
    if not answers:
        raise Conflict(f"Nobody is done with image {image.id} yet.", hint="Wait until people have submitted it.")
    now = {(answer.copy_id, answer.revision) for answer in answers}
    if revision != image.revision or now != set(seen):
        raise StaleRevision(
            f"Image {image.id}, or what people made of it, was changed since you looked at it.",
            hint="Look at it again, then settle it.",
            details={"revision": image.revision},
        )


def _chosen_masks(answers: Sequence[Answer], masks: Sequence[Chosen]) -> Sequence[Sequence[Rle]]:
    known = {mask.number: mask.mask for answer in answers for mask in answer.masks}
    named = [number for chosen in masks for number in chosen.annotations]
    for number in named:
        if number not in known or named.count(number) > 1:
            wrong = "is named twice" if number in known else "is none that somebody made of this image"
            raise InvalidInput(f"The mask {number} {wrong}.", hint="Name masks of this image's answers, each once.")
    return [[known[number] for number in chosen.annotations] for chosen in masks]


def _operations(
    session: Session, image: Image, results: Sequence[tuple[Rle, int | None]], state: SettledAs
) -> list[tuple[str, Operation]]:
    """What replaces all that is on an image, as one step of who does it, and the mark."""
    step = Step(id=uuid.uuid4(), way="done")
    there = select(Annotation.uid).where(Annotation.image_id == image.id, Annotation.deleted.is_(None))
    operations: list[Operation] = [
        DeleteOperation(kind="delete", uid=uuid.UUID(uid), step=step)
        for uid in session.scalars(there.order_by(Annotation.position, Annotation.id))
    ]
    operations += [
        CreateOperation(
            kind="create",
            uid=uuid.uuid4(),
            category_id=category_id,
            segmentation=Segmentation(size=(image.height, image.width), counts=mask["counts"]),
            step=step,
        )
        for mask, category_id in results
    ]
    operations.append(MarkOperation(kind="mark", uid=uuid.uuid4(), state=state))
    return [(str(uuid.uuid4()), operation) for operation in operations]
