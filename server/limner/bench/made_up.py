"""A large project of made-up rows: what looks like a year's work of ten people. There are no pixels and no blobs."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from limner.store import Database
from limner.store.categories import create_category
from limner.store.people import add_person
from limner.store.projects import create_project
from limner.store.tables import Annotation, Edit, Exhaustivity, Image, ImageTag, Judgement
from limner.vocabulary.listing import natural_key

PEOPLE, CATEGORIES, MODELS, DAYS = 10, 20, 2, 365
TAGS, TAGS_EACH = 20, 3
AT_ONCE = 500  # images in one transaction
STATES = ("submitted",) * 8 + ("approved",) * 6 + ("waiting",) * 4 + ("returned", "skipped")
KNOWN, JUDGED = 0.1, 0.05  # shares of (image, category) of which something is said; of masks that were judged
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class _Maker:
    """Makes the rows of one project.

    Attributes:
        rng: decides all that is random.
        project_id: of the project.
        people: their numbers.
        categories: likewise.
        masks: annotations of each image.
        counts: every annotation's mask: its length counts, not what it says.
        whole: with states, tags, statements and judgements; otherwise all images are submitted.
    """

    rng: random.Random
    project_id: int
    people: Sequence[int]
    categories: Sequence[int]
    masks: int
    counts: str
    whole: bool

    def add(self, session: Session, numbers: range) -> None:
        """Add images of these numbers."""
        rows: dict[type[Any], list[dict[str, Any]]] = {
            table: [] for table in (Image, Annotation, Edit, ImageTag, Exhaustivity, Judgement)
        }
        for number in numbers:
            made = FIRST_DAY + timedelta(days=self.rng.randrange(DAYS), hours=self.rng.randrange(24))
            author = self.rng.choice(self.people)
            state = self.rng.choice(STATES) if self.whole else "submitted"
            rows[Image].append(self._image(number, author, made, state))
            for index in range(self.masks):
                uid = self._uid()
                annotation_id = (number - 1) * self.masks + index + 1
                rows[Annotation].append(self._annotation(annotation_id, number, index, uid, made))
                rows[Edit].append(self._edit(number, index + 1, "create", uid, author, made, {}))
                if self.whole and self.rng.random() < JUDGED:
                    verdict = self.rng.choice(("right", "right", "right", "wrong"))
                    judged = {"annotation_id": annotation_id, "revision": 1, "verdict": verdict, "created": made}
                    rows[Judgement].append({**judged, "user_id": self.rng.choice(self.people)})
            rows[Edit].append(self._edit(number, self.masks + 1, "mark", self._uid(), author, made, {"state": state}))
            if self.whole:
                tags = self.rng.sample(range(TAGS), TAGS_EACH)
                rows[ImageTag] += [{"image_id": number, "tag": f"tag {tag}"} for tag in tags]
                rows[Exhaustivity] += self._statements(number, made)
        for table, made_rows in rows.items():
            if made_rows:
                session.connection().execute(insert(table), made_rows)

    def _image(self, number: int, author: int, made: datetime, state: str) -> dict[str, Any]:
        name = f"folder {number // 1000}/{number}.jpg"
        return {
            "id": number,
            "project_id": self.project_id,
            "file_name": name,
            "sort_name": natural_key(name),
            "width": 640,
            "height": 480,
            "sha256": f"{number:064x}",
            "bytes": 1,
            "format": "JPEG",
            "display_type": "image/jpeg",
            "created": FIRST_DAY,
            "revision": self.masks + 1,
            "annotation_count": self.masks,
            "state": state,
            "state_user_id": author,
            "state_changed": made,
            "author_id": author,
        }

    def _annotation(self, number: int, image_id: int, position: int, uid: str, made: datetime) -> dict[str, Any]:
        return {
            "id": number,
            "uid": uid,
            "image_id": image_id,
            "category_id": self.rng.choice(self.categories),
            "counts": self.counts,
            "area": 1,
            "bbox_x": 0,
            "bbox_y": 0,
            "bbox_width": 1,
            "bbox_height": 1,
            "iscrowd": 0,
            "attributes": {},
            "provenance": {
                "model_sha256": f"{self.rng.randrange(MODELS):064x}",
                "seconds": round(self.rng.expovariate(0.1), 2),
                "clicks": self.rng.randrange(1, 9),
            },
            "position": position,
            "content_revision": 1,
            "created": made,
            "updated": made,
        }

    def _statements(self, image_id: int, made: datetime) -> list[dict[str, Any]]:
        return [
            {
                "image_id": image_id,
                "category_id": category,
                "exhaustive": self.rng.random() < 0.8,
                "user_id": self.rng.choice(self.people),
                "said": made,
            }
            for category in self.categories
            if self.rng.random() < KNOWN
        ]

    def _edit(
        self, image_id: int, revision: int, kind: str, uid: str, user_id: int, made: datetime, payload: dict[str, str]
    ) -> dict[str, Any]:
        return {
            "image_id": image_id,
            "operation_id": self._uid(),
            "body_sha256": "0" * 64,
            "revision": revision,
            "kind": kind,
            "uid": uid,
            "payload": payload,
            "user_id": user_id,
            "created": made,
        }

    def _uid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128)))


def make_project(database: Database, images: int, masks: int, *, counts: str = "0", whole: bool = False) -> int:
    """Fill an empty database with a project, and the history that led to it; its number.

    Args:
        database: with no images in it.
        images: how many.
        masks: annotations of each.
        counts: every annotation's mask: its length counts, not what it says.
        whole: with all states, tags, statements of exhaustivity and judgements; otherwise all images are submitted.
    """
    with database.write() as session:
        project_id = create_project(session, "Large").id
        people = [add_person(session, f"person {index}", "member").id for index in range(PEOPLE)]
        categories = [create_category(session, project_id, f"category {index}").id for index in range(CATEGORIES)]
    maker = _Maker(random.Random(1), project_id, people, categories, masks, counts, whole)
    for first in range(0, images, AT_ONCE):
        with database.write() as session:
            maker.add(session, range(first + 1, min(first + AT_ONCE, images) + 1))
    return project_id
