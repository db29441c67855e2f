"""Copies of images, on which one person works on their own; gold images, and how work on copies of them compares.

Columns are added in place: images may be many.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019_gold"
down_revision = "0018_snapshots"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def _create_index(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Make the tables and columns."""
    for name in ("copies_of", "copies_for"):
        op.add_column("projects", sa.Column(name, NUMBER, nullable=True))
    op.add_column("projects", sa.Column("gold_share", sa.Double(), server_default="0.05", nullable=False))
    _create_index("uq_projects_copies", "projects", ["copies_of", "copies_for"], "copies_of IS NOT NULL", unique=True)
    op.add_column("images", sa.Column("copy_of", NUMBER, nullable=True))
    op.add_column("images", sa.Column("is_gold", sa.Boolean(), server_default=sa.false(), nullable=False))
    _create_index("ix_images_copy_of", "images", ["copy_of"], "copy_of IS NOT NULL")
    _create_index("ix_images_gold", "images", ["project_id", "id"], "is_gold")
    op.create_table(
        "gold_references",
        sa.Column("image_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("masks", JSON, nullable=False),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("image_id", name="pk_gold_references"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_gold_references_image_id", ondelete="CASCADE"),
    )
    op.create_table(
        "gold_scores",
        sa.Column("copy_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("extra", sa.Integer(), nullable=False),
        sa.Column("mask_iou", sa.Double(), nullable=False),
        sa.Column("boundary_iou", sa.Double(), nullable=False),
        sa.Column("categories", JSON, nullable=False),
        sa.Column("scored", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("copy_id", name="pk_gold_scores"),
        sa.ForeignKeyConstraint(["copy_id"], ["images.id"], name="fk_gold_scores_copy_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_gold_scores_project_id", ondelete="CASCADE"),
    )
    op.create_index("ix_gold_scores_project_id_user_id", "gold_scores", ["project_id", "user_id"])


def downgrade() -> None:
    """Forget gold images, and the work on copies of them."""
    op.drop_table("gold_scores")
    op.drop_table("gold_references")
    op.execute("DELETE FROM images WHERE copy_of IS NOT NULL")
    op.execute("DELETE FROM projects WHERE copies_of IS NOT NULL")
    for name in ("ix_images_gold", "ix_images_copy_of"):
        op.drop_index(name, "images")
    op.drop_index("uq_projects_copies", "projects")
    for table, columns in {
        "images": ("is_gold", "copy_of"),
        "projects": ("gold_share", "copies_for", "copies_of"),
    }.items():
        for column in columns:
            op.drop_column(table, column)
