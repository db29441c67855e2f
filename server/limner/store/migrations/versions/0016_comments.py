"""Comments on images, in threads, and how many threads of each image are open."""

import sqlalchemy as sa
from alembic import op

revision = "0016_comments"
down_revision = "0015_embedding_use"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "comments",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("image_id", NUMBER, nullable=False),
        sa.Column("thread_id", NUMBER, nullable=True),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("annotation_uid", sa.String(36), nullable=True),
        sa.Column("resolved", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_user_id", NUMBER, nullable=True),
        sa.CheckConstraint("(x IS NULL) = (y IS NULL)", name=op.f("ck_comments_place")),
        sa.CheckConstraint(
            "thread_id IS NULL OR (x IS NULL AND annotation_uid IS NULL AND resolved IS NULL)",
            name=op.f("ck_comments_answer"),
        ),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_comments_image_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["thread_id"], ["comments.id"], name=op.f("fk_comments_thread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
        sa.UniqueConstraint("uid", name=op.f("uq_comments_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comments_image_id_id", "comments", ["image_id", "id"])
    op.create_index("ix_comments_thread_id", "comments", ["thread_id"])
    op.add_column("images", sa.Column("open_threads", sa.Integer(), server_default="0", nullable=False))
    where = sa.text("open_threads > 0")
    op.create_index("ix_images_commented", "images", ["project_id", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Forget what was said."""
    op.drop_index("ix_images_commented", "images")
    op.drop_column("images", "open_threads")
    op.drop_table("comments")
