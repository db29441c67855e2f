"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_OBJECT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "embeddings",
        sa.Column("image_sha256", sa.String(length=64), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("preprocessing_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("bytes", BIG_INTEGER, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("image_sha256", "model_sha256", "preprocessing_version", name="pk_embeddings"),
    )
    op.create_table(
        "projects",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.CheckConstraint("role IN ('admin')", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("user_id", BIG_INTEGER, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_sha256", name="uq_api_tokens_token_sha256"),
        sa.UniqueConstraint("user_id", "name", name="uq_api_tokens_user_id_name"),
    )
    op.create_table(
        "categories",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("project_id", BIG_INTEGER, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("supercategory", sa.String(length=255), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_categories_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_categories"),
        sa.UniqueConstraint("project_id", "name", name="uq_categories_project_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "events",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("project_id", BIG_INTEGER, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", JSON_OBJECT, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_events_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_project_id_id", "events", ["project_id", "id"], unique=False)
    op.create_table(
        "images",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("project_id", BIG_INTEGER, nullable=False),
        sa.Column("file_name", sa.String(length=1024), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", BIG_INTEGER, nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("display_type", sa.String(length=32), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("annotation_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_images_size")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_images_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.UniqueConstraint("project_id", "sha256", name="uq_images_project_id_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_images_project_id_file_name", "images", ["project_id", "file_name"], unique=False)
    op.create_index("ix_images_project_id_id", "images", ["project_id", "id"], unique=False)
    op.create_index("ix_images_sha256", "images", ["sha256"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("project_id", BIG_INTEGER, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('precompute')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint("state IN ('running', 'paused', 'done', 'cancelled', 'failed')", name=op.f("ck_jobs_state")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_jobs_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_project_id", "jobs", ["project_id"], unique=False)
    op.create_index("ix_jobs_state", "jobs", ["state"], unique=False)
    op.create_table(
        "login_links",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("user_id", BIG_INTEGER, nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("used", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_login_links_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_login_links"),
        sa.UniqueConstraint("token_sha256", name="uq_login_links_token_sha256"),
    )
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", BIG_INTEGER, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires", "sessions", ["expires"], unique=False)
    op.create_table(
        "annotations",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("image_id", BIG_INTEGER, nullable=False),
        sa.Column("category_id", BIG_INTEGER, nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("area", BIG_INTEGER, nullable=False),
        sa.Column("bbox_x", sa.Integer(), nullable=False),
        sa.Column("bbox_y", sa.Integer(), nullable=False),
        sa.Column("bbox_width", sa.Integer(), nullable=False),
        sa.Column("bbox_height", sa.Integer(), nullable=False),
        sa.Column("iscrowd", sa.Integer(), nullable=False),
        sa.Column("attributes", JSON_OBJECT, nullable=False),
        sa.Column("provenance", JSON_OBJECT, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.Column("deleted", MOMENT, nullable=True),
        sa.CheckConstraint("iscrowd IN (0, 1)", name=op.f("ck_annotations_iscrowd")),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name="fk_annotations_category_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_annotations_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
        sa.UniqueConstraint("uid", name="uq_annotations_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_annotations_category_id", "annotations", ["category_id"], unique=False)
    op.create_index("ix_annotations_image_id_position", "annotations", ["image_id", "position"], unique=False)
    op.create_table(
        "edits",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("image_id", BIG_INTEGER, nullable=False),
        sa.Column("operation_id", sa.String(length=36), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("payload", JSON_OBJECT, nullable=False),
        sa.Column("user_id", BIG_INTEGER, nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_edits_image_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_edits_user_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_edits"),
        sa.UniqueConstraint("image_id", "revision", name="uq_edits_image_id_revision"),
        sa.UniqueConstraint("operation_id", name="uq_edits_operation_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_edits_uid_revision", "edits", ["uid", "revision"], unique=False)


def downgrade() -> None:
    """Drop all tables, those that refer to others first."""
    for table in (
        "edits",
        "annotations",
        "sessions",
        "login_links",
        "jobs",
        "images",
        "events",
        "categories",
        "api_tokens",
        "users",
        "projects",
        "embeddings",
    ):
        op.drop_table(table)
