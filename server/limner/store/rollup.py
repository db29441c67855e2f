"""Statistics are rolled up by image: its project's sums lose what the image added before, and get what it adds now.

An image whose revision is not the one that was counted is due; a partial index finds those, so that saves write
nothing more for it. Who judges a mask or moves an image, which is no edit, makes it due (:func:`recount`). An image
that is gone leaves its row, which says what is to be taken out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from sqlalchemy import Select, case, delete, func, literal, select, update
from sqlalchemy.orm import Session

from limner.store.advisory import Only, can_be
from limner.store.history import ON_NO_ANNOTATION
from limner.store.tables import (
    IS_GONE,
    IS_UNCOUNTED,
    Annotation,
    Edit,
    EffortDay,
    EffortGroup,
    FolderSize,
    Image,
    ImageRollup,
    Judgement,
    JudgementGroup,
    ProjectSize,
    StateDay,
)
from limner.store.upsert import insert_for
from limner.vocabulary.names import folder_of

ROWS_AT_ONCE = 200  # annotations in memory
MOST = 1_000_000  # images that are said to be due
NEVER = -1  # the counted revision of an image that is to be counted, whatever its revision is
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


@dataclass(frozen=True)
class Sums:
    """Rows of one table of sums.

    Attributes:
        table: which.
        names: of the columns that are sums; all others are the key, or no matter of images.
        rows: of one project.
    """

    table: type[EffortGroup | EffortDay | StateDay | JudgementGroup | ProjectSize | FolderSize]
    names: Sequence[str]
    rows: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Counted:
    """What an image adds as it was at a revision, when its masks had been judged so many times."""

    revision: int
    judged: int
    contributions: Contributions


def recount(image: Image) -> None:
    """An image, which is locked, adds other things though its revision is the same: it is to be counted again.

    What was said of a mask of it has changed, or its folder.
    """
    image.judged += 1
    image.counted_revision = NEVER


def count_due(session: Session, limit: int, on_row: Callable[[], None] = lambda: None) -> dict[int, Counted]:
    """Count some images that changed since they were counted, by number; nothing is written and nobody waits for it.

    Args:
        session: sees one snapshot.
        limit: images at most.
        on_row: called after every annotation.
    """
    due = session.execute(
        uncounted_images(
            limit,
            Image.id,
            Image.file_name,
            Image.revision,
            Image.judged,
            Image.created,
            Image.state,
            Image.state_changed,
            Image.state_user_id,
            Image.author_id,
        )
    ).all()
    found = contributions_of(session, due, on_row)
    return {image.id: Counted(image.revision, image.judged, found[image.id]) for image in due}


def roll_up(session: Session, counted: Mapping[int, Counted], limit: int) -> int:
    """Put what was counted into the sums, and take out images that are gone. An image that changed meanwhile stays due.

    Args:
        session: writes.
        counted: of :func:`count_due`.
        limit: images at most that are gone.

    Returns:
        How many were put in or taken out; 0: there are none, or another process is about it.
    """
    if not can_be(Only.CHANGES_SUMS, session):
        return 0
    rows = session.execute(
        select(Image.id, Image.project_id, Image.revision, Image.judged)
        .where(Image.id.in_(counted), IS_UNCOUNTED)
        .with_for_update(skip_locked=True)
    )
    projects = {
        row.id: row.project_id
        for row in rows
        if (row.revision, row.judged) == (counted[row.id].revision, counted[row.id].judged)
    }
    before = {
        row.image_id: row for row in session.scalars(select(ImageRollup).where(ImageRollup.image_id.in_(projects)))
    }
    gone = session.scalars(select(ImageRollup).where(IS_GONE).limit(limit)).all()
    changes: dict[int, Contributions] = defaultdict(Contributions)
    sizes: dict[int, Counter[str]] = defaultdict(Counter)
    for rollup in [*before.values(), *gone]:
        old = Contributions.from_json(rollup.counted)
        changes[rollup.project_id].add(old, -1)
        sizes[rollup.project_id].subtract(old.sizes())
    session.execute(delete(ImageRollup).where(ImageRollup.image_id.in_([row.image_id for row in gone])))
    for number, project_id in projects.items():
        contributions = counted[number].contributions
        changes[project_id].add(contributions)
        sizes[project_id].update(contributions.sizes())
        rollup = before.get(number) or ImageRollup(image_id=number, project_id=project_id)
        rollup.counted = contributions.to_json()
        session.add(rollup)
    session.flush()
    for project_id in sorted(changes):
        for sums in sums_of(project_id, changes[project_id], sizes[project_id]):
            _add_rows(session, sums)
    session.execute(
        update(Image)
        .where(Image.id.in_(projects))
        .values(counted_revision=Image.revision)
        .execution_options(synchronize_session=False)
    )
    return len(projects) + len(gone)


def uncounted_images(limit: int, *columns: Any) -> Select[Any]:
    """The first images that changed since they were counted, along the index that has no others.

    Neither database knows how few they are: SQLite would take an index of all images of a project, PostgreSQL takes all
    for such ones and would read the table. The order of that index and a limit lead both to it, unless one project is
    named as equal, whose images other indexes have in that order. Nothing is to be joined: numbers are read first.

    Args:
        limit: images at most.
        columns: what is read.
    """
    return select(*columns).where(IS_UNCOUNTED).order_by(Image.project_id, Image.id).limit(limit)


def is_due(session: Session) -> bool:
    """Whether anything changed, or went, since it was counted."""
    return session.scalar(uncounted_images(1, Image.id)) is not None or (
        session.scalar(select(ImageRollup.image_id).where(IS_GONE).limit(1)) is not None
    )


def uncounted(session: Session, project_id: int) -> int:
    """How many images of a project changed, or went, since they were counted; of more than a million a million."""
    these = uncounted_images(MOST, Image.id).where(Image.project_id >= project_id, Image.project_id <= project_id)
    changed = select(func.count()).select_from(these.subquery())
    gone = select(func.count()).select_from(ImageRollup).where(ImageRollup.project_id == project_id, IS_GONE)
    return int(session.scalar(changed) or 0) + int(session.scalar(gone) or 0)


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


def sums_of(project_id: int, change: Contributions, sizes: Mapping[str, int]) -> Sequence[Sums]:
    """The rows of all sums of a project to which contributions come, those of zeros left out.

    Args:
        project_id: which project.
        change: what its images add, or how much more than before.
        sizes: likewise, of :meth:`Contributions.sizes`.
    """
    groups: dict[tuple[int, int, str], Counter[str]] = defaultdict(Counter)
    days: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for (day, category_id, user_id, model), counts in change.effort.items():
        for name in EFFORT:
            groups[user_id, category_id, model][name] += counts[name]
            days[user_id, day][name] += counts[name]
    of_groups: list[dict[str, Any]] = [
        {"project_id": project_id, "user_id": user_id, "category_id": category_id, "model_sha256": model, **counts}
        for (user_id, category_id, model), counts in groups.items()
    ]
    of_days: list[dict[str, Any]] = [
        {"project_id": project_id, "user_id": user_id, "day": date.fromisoformat(day), **counts}
        for (user_id, day), counts in days.items()
    ]
    states: list[dict[str, Any]] = [
        {
            "project_id": project_id,
            "day": date.fromisoformat(day),
            "before": before,
            "after": after,
            "user_id": user_id,
            "author_id": author_id,
            "images": count,
        }
        for (day, before, after, user_id, author_id), count in change.states.items()
    ]
    judged: list[dict[str, Any]] = [
        {"project_id": project_id, "category_id": category_id, "user_id": user_id, **counts}
        for (category_id, user_id), counts in change.judged.items()
    ]
    of_project: list[dict[str, Any]] = [{"project_id": project_id, **{name: sizes[name] for name in SIZES}}]
    folders: list[dict[str, Any]] = [
        {"project_id": project_id, "path": path, "images": count} for path, count in change.folders.items()
    ]
    return [
        Sums(table, names, [row for row in rows if any(row[name] for name in names)])
        for table, names, rows in (
            (EffortGroup, EFFORT, of_groups),
            (EffortDay, EFFORT, of_days),
            (StateDay, ("images",), states),
            (JudgementGroup, JUDGED, judged),
            (ProjectSize, SIZES, of_project),
            (FolderSize, ("images",), folders),
        )
    ]


def _add_rows(session: Session, sums: Sums) -> None:
    """Add to sums, and remove the rows in which all of them are 0."""
    table, rows = sums.table, sums.rows
    if not rows:
        return
    statement = insert_for(session, table)
    keys = [column.name for column in table.__table__.primary_key]
    more = {name: getattr(table, name) + statement.excluded[name] for name in sums.names}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)
    if any(row[name] < 0 for row in rows for name in sums.names):
        mine = table.project_id == rows[0]["project_id"]
        session.execute(delete(table).where(mine, *(getattr(table, name) == 0 for name in sums.names)))


def _day(moment: Any) -> str:
    return str(moment.date().isoformat())
