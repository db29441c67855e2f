"""Images and what is on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import LONG_AGO, NEVER_REUSE_IDS, OPEN_IMAGES, UNCOUNTED_IMAGES, UNRANKED, Base, where
from limner.store.types import (
    BIG_INTEGER,
    BigInt,
    Created,
    Id,
    JsonObject,
    Moment,
    Sha256,
    SortKey,
    Uuid,
)
from limner.vocabulary.names import MAX_TAG


class Image(Base):
    """A picture after orientation, (height, width) in pixels. ``sha256`` names the bytes that were uploaded.

    ``file_name`` is a relative path in Unicode's form NFC, and no other image of the project has it. A copy has that of
    its original, but for a copy in the trash: ``/`` and its number, so that another one can have the name.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("project_id", "sha256"),
        CheckConstraint("width > 0 AND height > 0", name="size"),
        CheckConstraint("state IN ('waiting', 'submitted', 'approved', 'returned', 'skipped')", name="state"),
        Index("ix_images_project_id_state_id", "project_id", "state", "id"),
        Index("ix_images_project_id_id", "project_id", "id"),
        Index("ix_images_open_added", "project_id", "id", **where(OPEN_IMAGES)),
        Index("ix_images_open_name", "project_id", "sort_name", "id", **where(OPEN_IMAGES)),
        Index("ix_images_open_random", "project_id", "sha256", "id", **where(OPEN_IMAGES)),
        Index("ix_images_assigned", "project_id", "assigned_user_id", "id", **where("assigned_user_id IS NOT NULL")),
        Index("ix_images_held", "lease_user_id", "project_id", **where("lease_user_id IS NOT NULL")),
        Index("ix_images_uncounted", "project_id", "id", **where(UNCOUNTED_IMAGES)),
        Index("ix_images_copy_of", "copy_of", **where("copy_of IS NOT NULL")),
        Index("ix_images_trashed", "project_id", "trashed", "id", **where("trashed IS NOT NULL")),
        Index("ix_images_gold", "project_id", "id", **where("is_gold")),
        Index("ix_images_overlap", "project_id", "overlap", "id", **where("overlap IS NOT NULL")),
        Index("ix_images_commented", "project_id", "id", **where("open_threads > 0")),
        Index("uq_images_project_id_file_name", "project_id", "file_name", unique=True),
        Index("ix_images_project_id_sort_name_id", "project_id", "sort_name", "id"),
        Index("ix_images_project_id_sha256_id", "project_id", "sha256", "id"),
        Index("ix_images_author", "project_id", "author_id", "id", **where("author_id IS NOT NULL")),
        Index("ix_images_project_id_annotation_count_id", "project_id", "annotation_count", "id"),
        Index("ix_images_project_id_learning_rank_id", "project_id", "learning_rank", "id"),
        Index("ix_images_open_rank", "project_id", "learning_rank", "id", **where(OPEN_IMAGES)),
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
    judged: Mapped[int] = mapped_column(default=0, server_default="0")  # times that store.rollup.recount was asked
    open_threads: Mapped[int] = mapped_column(default=0, server_default="0")  # of comments that nobody has resolved
    copy_of: Mapped[int | None] = mapped_column(BIG_INTEGER)  # number of the original: limner.store.copies
    is_gold: Mapped[bool] = mapped_column(default=False, server_default=false())  # it has a GoldReference
    trashed: Mapped[datetime | None]  # since when it is in the trash: limner.store.trash
    trashed_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who put it there
    trashed_name: Mapped[str | None] = mapped_column(String(1024))  # its name before that
    overlap: Mapped[str | None] = mapped_column(String(16))  # states.OverlapState; none: one person works on it
    # from 1, the most informative first: limner.store.ranking
    learning_rank: Mapped[int] = mapped_column(default=UNRANKED, server_default=str(UNRANKED))


class ImageTag(Base):
    """A word on an image, as ``vocabulary.names.clean_tag`` gives it. A copy has those of its original."""

    __tablename__ = "image_tags"
    __table_args__ = (Index("ix_image_tags_tag", "tag", "image_id"),)

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    tag: Mapped[str] = mapped_column(String(MAX_TAG), primary_key=True)


class ImageAssessment(Base):
    """What a model says of an image without being asked for anything in it: ``limner.segment.uncertainty``.

    ``vector`` is the pooled embedding, float32 in little-endian bytes; ``distance`` is how far it is from the nearest
    image that is annotated or ranked before it, 0 to 1, and none where the image is not ranked. ``clicks`` are
    those that a mask of it is expected to take, and none where nothing is known of other masks.
    """

    __tablename__ = "image_assessments"

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    model_sha256: Mapped[Sha256]
    predicted_iou: Mapped[float]
    stability: Mapped[float]
    agreement: Mapped[float]
    vector: Mapped[bytes]
    distance: Mapped[float | None]
    clicks: Mapped[float | None]
    created: Mapped[Created]


class Annotation(Base):
    """The current state of one mask with a category. Area and bbox are derived from the mask when it is written."""

    __tablename__ = "annotations"
    __table_args__ = (
        CheckConstraint("iscrowd IN (0, 1)", name="iscrowd"),
        # Both answer without reading rows, which masks make long.
        Index("ix_annotations_image_id_position_id", "image_id", "position", "id", "deleted"),
        Index("ix_annotations_category_id_image_id", "category_id", "image_id", "deleted"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    uid: Mapped[Uuid] = mapped_column(unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"))
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
    # revision of the image since which mask, category and crowd flag are what they are; 0: since before that was kept
    content_revision: Mapped[int] = mapped_column(default=0, server_default="0")
    created: Mapped[Moment]
    updated: Mapped[Moment]
    deleted: Mapped[datetime | None]


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


class Judgement(Base):
    """What somebody said of a mask in the verification grid. It counts while the annotation is as they saw it."""

    __tablename__ = "judgements"
    __table_args__ = (
        UniqueConstraint("annotation_id", "revision"),
        CheckConstraint("verdict IN ('right', 'wrong')", name="verdict"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotations.id", ondelete="CASCADE"))
    revision: Mapped[int]  # content_revision of the annotation that was seen
    verdict: Mapped[str] = mapped_column(String(16))  # limner.vocabulary.states.MaskVerdict
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    created: Mapped[Created]


class Exhaustivity(Base):
    """Whether all objects of a category are annotated on an image, as somebody said: ``limner.store.exhaustivity``.

    Where there is no row, or it was reopened, nobody knows.
    """

    __tablename__ = "exhaustivity"
    __table_args__ = (
        CheckConstraint("reopened IS NULL OR exhaustive", name="reopened"),
        Index("ix_exhaustivity_category_id_image_id", "category_id", "image_id"),
    )

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    category_id: Mapped[int] = mapped_column(
        ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    exhaustive: Mapped[bool]
    user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # who said so
    said: Mapped[Moment]
    reopened: Mapped[datetime | None]  # since when somebody else has changed which objects of the category there are
    reopened_user_id: Mapped[int | None] = mapped_column(BIG_INTEGER)


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
    # What all of them take is read from the index alone.
    __table_args__ = (Index("ix_embeddings_removal_order_bytes", "removal_order", "bytes"),)

    image_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    model_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    preprocessing_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seconds: Mapped[float]
    bytes: Mapped[BigInt]
    created: Mapped[Created]
    last_used: Mapped[Moment] = mapped_column(server_default=LONG_AGO)  # to some minutes
    removal_order: Mapped[Moment] = mapped_column(server_default=LONG_AGO)  # the earliest goes first: embedding_use.py
