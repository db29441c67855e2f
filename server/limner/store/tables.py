"""Every table. The domain's rules live in the modules beside this one; here is what can be stored at all."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from limner.store.types import (
    BIG_INTEGER,
    JSON_OBJECT,
    BigInt,
    Created,
    Id,
    JsonObject,
    Moment,
    Name,
    Sha256,
    SortKey,
    UtcDateTime,
    Uuid,
)


class Base(DeclarativeBase):
    """Base of all tables; constraints are named so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {dict[str, Any]: JSON_OBJECT, datetime: UtcDateTime}


UNCOUNTED_IMAGES = "revision <> counted_revision"  # those that statistics do not know as they are
IS_UNCOUNTED = text("images.revision <> images.counted_revision")
IS_GONE = text("image_rollups.gone")
OPEN_IMAGES = "state IN ('waiting', 'returned')"  # those on which somebody has to work
IS_OPEN = text(f"images.{OPEN_IMAGES}")  # the same of a query, in the words by which SQLite finds the partial indexes
LONG_AGO = "1970-01-01 00:00:00.000000"
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}


def _where(condition: str) -> dict[str, Any]:
    """Arguments that make an index a partial one, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Installation(Base):
    """Which installation this database belongs to: one row, written when the tables are made."""

    __tablename__ = "installation"

    id: Mapped[Uuid] = mapped_column(primary_key=True)


class User(Base):
    """A person who may sign in. Rows stay for ever: work names people by their number, whoever they are by then."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('owner', 'member')", name="role"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created: Mapped[Created]
    password_hash: Mapped[str | None] = mapped_column(String(255))  # none: signs in by links only
    disabled: Mapped[datetime | None]  # since when nobody can sign in as this person
    storage_key: Mapped[str] = mapped_column(String(255))  # names what browsers keep of their work, whatever the name


class LoginLink(Base):
    """A link that signs in once. Only the hash of its token is kept."""

    __tablename__ = "login_links"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    created: Mapped[Created]
    expires: Mapped[Moment]
    used: Mapped[datetime | None]


class LoginSession(Base):
    """A signed-in browser, known by the hash of the id in its cookie."""

    __tablename__ = "sessions"

    id_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created: Mapped[Created]
    expires: Mapped[Moment] = mapped_column(index=True)
    last_used: Mapped[datetime | None]  # to some minutes
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")  # where it signed in from
    browser: Mapped[str] = mapped_column(String(255), default="", server_default="")  # as it calls itself


class ApiToken(Base):
    """A bearer token for scripts, known by its hash."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[Name]
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    created: Mapped[Created]
    scopes: Mapped[str] = mapped_column(String(255), default="all", server_default="all")  # names, between spaces
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]  # to some minutes


class Membership(Base):
    """What somebody is in a project. Owners of the installation need none."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint("role IN ('manager', 'reviewer', 'annotator', 'viewer')", name="role"),
        Index("ix_memberships_user_id", "user_id"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    created: Mapped[Created]


class Invitation(Base):
    """A link by which one new person comes in, with a role; also one in a project. Only its token's hash is kept."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'member')", name="role"),
        CheckConstraint("project_role IN ('manager', 'reviewer', 'annotator', 'viewer')", name="project_role"),
        CheckConstraint("(project_id IS NULL) = (project_role IS NULL)", name="project"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    project_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("projects.id", ondelete="CASCADE"))
    project_role: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[Name]  # whom it is for, in the words of who made it
    invited_by: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("users.id", ondelete="SET NULL"))
    created: Mapped[Created]
    expires: Mapped[Moment]
    used: Mapped[datetime | None]


class Project(Base):
    """Images that are annotated with one set of categories."""

    __tablename__ = "projects"
    __table_args__ = (CheckConstraint("next_order IN ('added', 'name', 'random')", name="next_order"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    name: Mapped[Name]
    created: Mapped[Created]
    last_category_number: Mapped[int] = mapped_column(default=0, server_default="0")  # the highest that was ever given
    model: Mapped[str | None] = mapped_column(String(64))  # name of the model it uses; none: the installation's
    next_order: Mapped[str] = mapped_column(String(16), default="added", server_default="added")  # states.NextOrder
    next_seed: Mapped[int] = mapped_column(default=0, server_default="0")  # where the random order begins
    unlabelled_number: Mapped[int | None]  # stands for "no category" in exports; given when the first one needs it


class Category(Base):
    """A class of annotations, as in COCO. ``position`` orders them and gives the number key.

    ``number`` is its id in exports: 1, 2, … in each project, never changed and never given again, because tools that
    train count on classes from 1 to N.
    """

    __tablename__ = "categories"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        Index("uq_categories_project_id_number", "project_id", "number", unique=True),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[Name]
    supercategory: Mapped[Name]
    color: Mapped[str] = mapped_column(String(7))  # #rrggbb
    position: Mapped[int]
    number: Mapped[int] = mapped_column(server_default="0")


class Image(Base):
    """A picture after orientation, (height, width) in pixels. ``sha256`` names the bytes that were uploaded.

    ``file_name`` is a relative path in Unicode's form NFC, and no other image of the project has it.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("project_id", "sha256"),
        CheckConstraint("width > 0 AND height > 0", name="size"),
        CheckConstraint("state IN ('waiting', 'submitted', 'approved', 'returned', 'skipped')", name="state"),
        Index("ix_images_project_id_state_id", "project_id", "state", "id"),
        Index("ix_images_project_id_id", "project_id", "id"),
        Index("ix_images_open_added", "project_id", "id", **_where(OPEN_IMAGES)),
        Index("ix_images_open_name", "project_id", "sort_name", "id", **_where(OPEN_IMAGES)),
        Index("ix_images_open_random", "project_id", "sha256", **_where(OPEN_IMAGES)),
        Index("ix_images_assigned", "project_id", "assigned_user_id", "id", **_where("assigned_user_id IS NOT NULL")),
        Index("ix_images_held", "lease_user_id", "project_id", **_where("lease_user_id IS NOT NULL")),
        Index("ix_images_uncounted", "project_id", "id", **_where(UNCOUNTED_IMAGES)),
        Index("ix_images_commented", "project_id", "id", **_where("open_threads > 0")),
        Index("uq_images_project_id_file_name", "project_id", "file_name", unique=True),
        Index("ix_images_project_id_sort_name_id", "project_id", "sort_name", "id"),
        Index("ix_images_project_id_annotation_count_id", "project_id", "annotation_count", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(1024))
    sort_name: Mapped[SortKey] = mapped_column(server_default="")  # vocabulary.listing.natural_key of file_name
    width: Mapped[int]
    height: Mapped[int]
    sha256: Mapped[Sha256] = mapped_column(index=True)
    bytes: Mapped[BigInt]
    format: Mapped[str] = mapped_column(String(16))  # JPEG, PNG, WEBP, TIFF or BMP
    display_type: Mapped[str] = mapped_column(String(32))  # media type of the display file
    pages: Mapped[int] = mapped_column(default=1, server_default="1")  # or frames in the file; the image is one of them
    created: Mapped[Created]
    revision: Mapped[int] = mapped_column(default=0)  # number of edits so far
    annotation_count: Mapped[int] = mapped_column(default=0)  # of annotations that are not deleted
    state: Mapped[str] = mapped_column(String(16), default="waiting", server_default="waiting")
    state_note: Mapped[str] = mapped_column(Text, default="", server_default="")  # why it was skipped, or sent back
    state_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who set it
    state_changed: Mapped[datetime | None]  # none: nobody has set it yet
    author_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who submitted it last
    assigned_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who is to work on it; none: anybody
    lease_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who has it, or had it last and did not say
    lease_until: Mapped[datetime | None]  # after that anybody may have it
    lease_renewed: Mapped[datetime | None]
    lease_reserved: Mapped[bool] = mapped_column(default=False, server_default=false())  # handed out next, not yet open
    counted_revision: Mapped[int] = mapped_column(default=-1, server_default="-1")  # the one that statistics know
    open_threads: Mapped[int] = mapped_column(default=0, server_default="0")  # of comments that nobody has resolved


class Annotation(Base):
    """The current state of one mask with a category. Area and bbox are derived from the mask when it is written."""

    __tablename__ = "annotations"
    __table_args__ = (
        CheckConstraint("iscrowd IN (0, 1)", name="iscrowd"),
        Index("ix_annotations_image_id_position", "image_id", "position"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    uid: Mapped[Uuid] = mapped_column(unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), index=True)
    counts: Mapped[str] = mapped_column(Text)  # compressed COCO RLE at the image's full size
    area: Mapped[BigInt]
    bbox_x: Mapped[int]
    bbox_y: Mapped[int]
    bbox_width: Mapped[int]
    bbox_height: Mapped[int]
    iscrowd: Mapped[int]
    attributes: Mapped[JsonObject]
    provenance: Mapped[dict[str, Any] | None]
    position: Mapped[int]  # order within the image, from the bottom to the top
    created: Mapped[Moment]
    updated: Mapped[Moment]
    deleted: Mapped[datetime | None]


class Snapshot(Base):
    """The annotations of a project as they stood once, under a name: a COCO file among the blobs that never changes."""

    __tablename__ = "snapshots"
    __table_args__ = (UniqueConstraint("project_id", "name"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[Name]
    sha256: Mapped[Sha256] = mapped_column(index=True)  # of the file
    bytes: Mapped[BigInt]
    images: Mapped[int]
    annotations: Mapped[int]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # who took it
    created: Mapped[Created]


class Suggestion(Base):
    """A mask that a machine proposes for an image, until somebody takes or refuses it. Never an annotation itself.

    ``uid`` is what the annotation made of it names in ``provenance.origin``. Area and bbox are derived from the mask.
    """

    __tablename__ = "suggestions"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'accepted', 'refused')", name="state"),
        CheckConstraint("score >= 0 AND score <= 1", name="score"),
        Index("ix_suggestions_image_id_state_score", "image_id", "state", "score"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    uid: Mapped[Uuid] = mapped_column(unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id", ondelete="SET NULL"), index=True)
    counts: Mapped[str] = mapped_column(Text)  # compressed COCO RLE at the image's full size
    area: Mapped[BigInt]
    bbox_x: Mapped[int]
    bbox_y: Mapped[int]
    bbox_width: Mapped[int]
    bbox_height: Mapped[int]
    score: Mapped[float]
    stability: Mapped[float | None]
    origin: Mapped[str] = mapped_column(String(16))  # limner.vocabulary.states.SuggestionOrigin
    model_sha256: Mapped[Sha256]
    prompt: Mapped[JsonObject]
    state: Mapped[str] = mapped_column(String(16))
    created: Mapped[Created]
    decided: Mapped[datetime | None]


class Edit(Base):
    """An operation as it was acknowledged. Rows are only ever added; together they are the history of the image."""

    __tablename__ = "edits"
    __table_args__ = (
        UniqueConstraint("image_id", "revision"),
        Index("ix_edits_uid_revision", "uid", "revision"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    operation_id: Mapped[Uuid] = mapped_column(unique=True)
    body_sha256: Mapped[Sha256]
    revision: Mapped[int]  # of the image, after this edit
    kind: Mapped[str] = mapped_column(String(16))
    uid: Mapped[Uuid]  # of the annotation; of the mark itself when the edit marks the image
    payload: Mapped[JsonObject]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created: Mapped[Created]


class Comment(Base):
    """Something said about an image: the beginning of a thread, or an answer in one.

    The beginning says what it is about: a place in image pixels, an annotation and the place where that was, or (none
    of these) the whole image. It stays where it is when the annotation goes.
    """

    __tablename__ = "comments"
    __table_args__ = (
        CheckConstraint("(x IS NULL) = (y IS NULL)", name="place"),
        CheckConstraint(
            "thread_id IS NULL OR (x IS NULL AND annotation_uid IS NULL AND resolved IS NULL)", name="answer"
        ),
        Index("ix_comments_image_id_id", "image_id", "id"),
        Index("ix_comments_thread_id", "thread_id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    uid: Mapped[Uuid] = mapped_column(unique=True)  # chosen by who says it, so that it is said once
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    thread_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    text: Mapped[str] = mapped_column(Text)
    created: Mapped[Created]
    x: Mapped[float | None]
    y: Mapped[float | None]
    annotation_uid: Mapped[str | None] = mapped_column(String(36))
    resolved: Mapped[datetime | None]  # of a beginning: since when nothing is left to do
    resolved_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)


class Embedding(Base):
    """An embedding that lies in the blob store: the encoder's work that has not to be done again.

    ``bytes`` is all that is stored of the image by the model, with what was made of the embedding and of regions.
    """

    __tablename__ = "embeddings"
    __table_args__ = (Index("ix_embeddings_removal_order", "removal_order"),)

    image_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    model_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    preprocessing_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seconds: Mapped[float]
    bytes: Mapped[BigInt]
    created: Mapped[Created]
    last_used: Mapped[Moment] = mapped_column(server_default=LONG_AGO)  # to some minutes
    removal_order: Mapped[Moment] = mapped_column(server_default=LONG_AGO)  # the earliest goes first: embedding_use.py


class Job(Base):
    """Work on a whole project that goes on in the background: what somebody started. Its items are what is to be done.

    ``total`` is how many items there will have been, as far as is known; ``cursor`` the number of the last row of the
    project that was made an item, or needed none: items are made a few at a time. Kinds: ``limner.jobs.kinds``.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled', 'failed')", name="state"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[Created]
    updated: Mapped[Created]
    cursor: Mapped[BigInt] = mapped_column(default=0, server_default="0")
    payload: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")

    @property
    def model(self) -> str | None:
        """The name of the model that it is about; None where its kind does not say."""
        name: str | None = self.payload.get("name")
        return name


class JobItem(Base):
    """One unit of work that is still to be done, or has failed for good; what is done has no row any more.

    An item that runs is leased to its holder until ``lease_until``; after that anybody may have it. Items of a job go
    with it; those without a job stand for themselves, one for each kind and key.
    """

    __tablename__ = "job_items"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'paused', 'failed')", name="state"),
        UniqueConstraint("kind", "key", "job_id"),
        Index("ix_job_items_without_job", "kind", "key", unique=True, **_where("job_id IS NULL")),
        Index("ix_job_items_claim", "kind", "state", "priority", "not_before", "id"),
        Index("ix_job_items_job_id_state", "job_id", "state"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    job_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("jobs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(String(160))  # what it is about, as its kind names things
    priority: Mapped[int]  # the smaller comes first
    state: Mapped[str] = mapped_column(String(16))
    holder: Mapped[str | None] = mapped_column(String(96))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[Moment]  # when it may be tried, or tried again
    attempts: Mapped[int] = mapped_column(default=0)  # times that it was claimed
    crashes: Mapped[int] = mapped_column(default=0)  # times that a holder was lost over it
    payload: Mapped[JsonObject] = mapped_column(default=dict)
    message: Mapped[str] = mapped_column(Text, default="")  # why it failed last
    created: Mapped[Created]


class Event(Base):
    """Something that pages want to hear about, kept for a while so that a page that reconnects misses nothing."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_project_id_id", "project_id", "id"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    project_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, ForeignKey("projects.id", ondelete="CASCADE")
    )  # none: concerns everybody
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[JsonObject]
    created: Mapped[Created]


class ImageRollup(Base):
    """What one image adds to the statistics of its project, so that it can be taken out again.

    ``image_id`` may name an image that is gone; the row goes with the next counting then.
    """

    __tablename__ = "image_rollups"
    __table_args__ = (Index("ix_image_rollups_gone", "project_id", "image_id", **_where("gone")),)

    image_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True, autoincrement=False)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    gone: Mapped[bool] = mapped_column(default=False, server_default=false())
    counted: Mapped[JsonObject]  # limner.store.rollup.Contributions


class EffortGroup(Base):
    """Masks that a person made of one category with one model, and the work on them; 0 and "": none.

    Times and clicks are those of ``timed`` and ``clicked`` masks: not every mask's are known.
    """

    __tablename__ = "effort_groups"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    category_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    model_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    masks: Mapped[BigInt]
    timed: Mapped[BigInt]
    milliseconds: Mapped[BigInt]
    clicked: Mapped[BigInt]
    clicks: Mapped[BigInt]


class EffortDay(Base):
    """The same of masks that a person made on one day."""

    __tablename__ = "effort_days"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # in UTC
    masks: Mapped[BigInt]
    timed: Mapped[BigInt]
    milliseconds: Mapped[BigInt]
    clicked: Mapped[BigInt]
    clicks: Mapped[BigInt]


class StateDay(Base):
    """How many images went from one state to another on a day, by whom, and who had submitted them last; 0: nobody.

    From "" go images that are added.
    """

    __tablename__ = "state_days"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  # in UTC
    before: Mapped[str] = mapped_column(String(16), primary_key=True)
    after: Mapped[str] = mapped_column(String(16), primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    author_id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    images: Mapped[BigInt]


class AuditEntry(Base):
    """What somebody did, when, and with which credential. Rows are only ever added: triggers refuse anything else.

    They refer to nothing: what they are about may be gone, and they stay.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_user_id_id", "user_id", "id"),
        Index("ix_audit_entries_project_id_id", "project_id", "id"),
        Index("ix_audit_entries_action_id", "action", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    created: Mapped[Created]
    user_id: Mapped[int] = mapped_column(BIG_INTEGER)
    credential: Mapped[str] = mapped_column(String(16))  # limner.access.Credential
    key: Mapped[str] = mapped_column(String(16))  # which session or token: the first digits of its hash
    request_id: Mapped[str] = mapped_column(String(36))  # empty: from the command line
    action: Mapped[str] = mapped_column(String(32))  # limner.vocabulary.audit.AuditAction
    target: Mapped[str] = mapped_column(String(16))  # limner.vocabulary.audit.AuditTarget
    target_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    project_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # in which it happened
    details: Mapped[JsonObject]


class Encoder(Base):
    """How an encoder stands that works for many processes, as it said itself last; one that is silent is gone."""

    __tablename__ = "encoders"

    holder: Mapped[str] = mapped_column(String(96), primary_key=True)  # the name under which it holds items
    model_sha256: Mapped[Sha256 | None]
    status: Mapped[JsonObject]
    beat: Mapped[Moment]


class RateCount(Base):
    """How often something limited was done in a span of time that ends at ``expires``."""

    __tablename__ = "rate_counts"

    key: Mapped[Name] = mapped_column(primary_key=True)
    count: Mapped[BigInt]
    expires: Mapped[Moment] = mapped_column(index=True)
