"""What an image adds to the sums of its project: from its annotations and its history, as they are stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import case, literal, select
from sqlalchemy.orm import Session

from limner.store.history import ON_NO_ANNOTATION
from limner.store.tables import Annotation, Edit, Judgement
from limner.vocabulary.names import folder_of

ROWS_AT_ONCE = 200  # annotations in memory
MAX_SECONDS = 86_400  # of work on one mask that count, and
MAX_CLICKS = 1_000_000  # clicks on it: whatever else a script claims must not spoil the sums

EffortKey = tuple[str, int, int, str]  # day, category, person, model
StateKey = tuple[str, str, str, int, int]  # day, state before, state after, person, author
JudgedKey = tuple[int, int]  # category, person who made the mask
EFFORT = ("masks", "timed", "milliseconds", "clicked", "clicks")
JUDGED = ("right", "wrong", "mended")
SIZES = ("images", "annotated", "annotations", "submitted", "skipped", "approved", "returned")  # of ProjectSize


@dataclass
class Contributions:
    """What images add to sums: masks with time and clicks, what was judged of them, changes of state, and folders.

    A day is ``YYYY-MM-DD`` in UTC. Of a mask the last judgement counts: ``mended`` masks were wrong then, and have
    changed since; those that were right and have changed since are none of these. ``folders`` are those that images
    are right in; an image that is in none adds to none.
    """

    effort: dict[EffortKey, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    states: Counter[StateKey] = field(default_factory=Counter)
    judged: dict[JudgedKey, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    folders: Counter[str] = field(default_factory=Counter)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        found = cls()
        for *key, counts in stored["effort"]:
            found.effort[tuple(key)] = Counter(dict(zip(EFFORT, counts, strict=True)))
        for *key, count in stored["states"]:
            found.states[tuple(key)] = count
        for *key, counts in stored.get("judged", ()):  # images that were counted before version 0032 have none
            found.judged[tuple(key)] = Counter(dict(zip(JUDGED, counts, strict=True)))
        found.folders.update(dict(stored.get("folders", ())))  # before version 0034 images that are in one had none
        return found

    def to_json(self) -> dict[str, Any]:
        """As the row of an image keeps it."""
        return {
            "effort": [[*key, [counts[name] for name in EFFORT]] for key, counts in sorted(self.effort.items())],
            "states": [[*key, count] for key, count in sorted(self.states.items())],
            "judged": [[*key, [counts[name] for name in JUDGED]] for key, counts in sorted(self.judged.items())],
            "folders": [[path, count] for path, count in sorted(self.folders.items())],
        }

    def sizes(self) -> Counter[str]:
        """What one image adds to the size of its project, by :data:`SIZES`."""
        masks = sum(counts["masks"] for counts in self.effort.values())
        sizes = Counter(images=1, annotated=int(masks > 0), annotations=masks)
        for (_, before, after, _, _), count in self.states.items():
            sizes[before] -= count
            sizes[after] += count
        return Counter({name: sizes[name] for name in SIZES})

    def add(self, other: Contributions, times: int = 1) -> None:
        """Put in what another one has, or with −1 take it out."""
        for key, counts in other.effort.items():
            for name in EFFORT:
                self.effort[key][name] += times * counts[name]
        for state_key, count in other.states.items():
            self.states[state_key] += times * count
        for judged_key, counts in other.judged.items():
            for name in JUDGED:
                self.judged[judged_key][name] += times * counts[name]
        for path, count in other.folders.items():
            self.folders[path] += times * count


def contributions_of(
    session: Session, images: Sequence[Any], on_row: Callable[[], None] = lambda: None
) -> Mapping[int, Contributions]:
    """What images add as they are stored, by number: from their annotations and their history.

    Args:
        session: where to look.
        images: rows with ``id``, ``file_name``, ``created``, ``state``, ``state_changed``, ``state_user_id`` and
            ``author_id``.
        on_row: called after every annotation.
    """
    found = {image.id: Contributions() for image in images}
    numbers = list(found)
    authors: dict[str, int] = {}
    histories: dict[int, list[Any]] = defaultdict(list)
    for edit in _edits(session, numbers):
        histories[edit.image_id].append(edit)
        if edit.kind == "create":
            authors[edit.uid] = edit.user_id or 0
    for image in images:
        _count_states(found[image.id].states, image, histories[image.id])
        if folder := folder_of(image.file_name):
            found[image.id].folders[folder] = 1
    masks = select(
        Annotation.image_id, Annotation.uid, Annotation.category_id, Annotation.provenance, Annotation.created
    ).where(Annotation.image_id.in_(numbers), Annotation.deleted.is_(None))
    for mask in session.execute(masks.execution_options(yield_per=ROWS_AT_ONCE)):
        on_row()
        provenance = mask.provenance or {}
        seconds, clicks = provenance.get("seconds"), provenance.get("clicks")
        key = (
            _day(mask.created),
            mask.category_id or 0,
            authors.get(mask.uid, 0),
            provenance.get("model_sha256") or "",
        )
        counts = found[mask.image_id].effort[key]
        counts["masks"] += 1
        if seconds is not None:
            counts["timed"] += 1
            counts["milliseconds"] += round(1000 * min(seconds, MAX_SECONDS))
        if clicks is not None:
            counts["clicked"] += 1
            counts["clicks"] += min(clicks, MAX_CLICKS)
    for annotation in _judged(session, numbers):
        by = found[annotation.image_id].judged[annotation.category_id or 0, authors.get(annotation.uid, 0)]
        holds = annotation.revision == annotation.content_revision
        if holds or annotation.verdict == "wrong":
            by[annotation.verdict if holds else "mended"] += 1
    return found


def _judged(session: Session, image_ids: Collection[int]) -> Iterable[Any]:
    """The annotations of images that were judged, each with the last judgement."""
    rows = session.execute(
        select(
            Annotation.id,
            Annotation.image_id,
            Annotation.uid,
            Annotation.category_id,
            Annotation.content_revision,
            Judgement.revision,
            Judgement.verdict,
        )
        .join(Judgement, Judgement.annotation_id == Annotation.id)
        .where(Annotation.image_id.in_(image_ids), Annotation.deleted.is_(None))
        .order_by(Judgement.revision)
    )
    return {row.id: row for row in rows}.values()


def _edits(session: Session, image_ids: Collection[int]) -> Iterable[Any]:
    """The history of images in order, without masks."""
    payload = case((Edit.kind == "mark", Edit.payload), else_=literal(None, Edit.payload.type))
    return session.execute(
        select(Edit.image_id, Edit.kind, Edit.uid, Edit.user_id, Edit.created, payload.label("payload"))
        .where(Edit.image_id.in_(image_ids))
        .order_by(Edit.image_id, Edit.revision)
    )


def _count_states(states: Counter[StateKey], image: Any, history: Iterable[Any]) -> None:
    """Which changes of state an image has been through; :func:`limner.store.marks.set_mark` makes them."""
    state, author = "waiting", 0
    states[(_day(image.created), "", state, 0, 0)] += 1
    for edit in history:
        user = edit.user_id or 0
        after = state
        if edit.kind == "mark":
            after = edit.payload["state"]
            if after == "submitted" and state not in ("submitted", "approved"):
                author = user
        elif edit.kind not in ON_NO_ANNOTATION and state == "approved":
            after = "submitted"  # what was approved is not what is there now
        if after != state:
            states[(_day(edit.created), state, after, user, author)] += 1
        state = after
    if image.state != state:  # how it stands is true, however it came to that
        by, at = image.state_user_id or 0, image.state_changed or image.created
        states[(_day(at), state, image.state, by, image.author_id or 0)] += 1


def _day(moment: Any) -> str:
    return str(moment.date().isoformat())
