"""Images on which several people work independently, each on a copy, and how their work compares.

Columns are added in place: images may be many.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025_overlap"
down_revision = "0024_sign_in_providers"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Make the tables and columns; no image is worked on by several people yet."""
    op.add_column("projects", sa.Column("overlap_share", sa.Double(), server_default="0", nullable=False))
    op.add_column("projects", sa.Column("overlap_people", sa.Integer(), server_default="2", nullable=False))
    op.add_column("images", sa.Column("overlap", sa.String(16), nullable=True))
    where = sa.text("overlap IS NOT NULL")
    op.create_index(
        "ix_images_overlap",
        "images",
        ["project_id", "overlap", "id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "overlap_answers",
        sa.Column("copy_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("image_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("copy_id", name="pk_overlap_answers"),
        sa.ForeignKeyConstraint(["copy_id"], ["images.id"], name="fk_overlap_answers_copy_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_overlap_answers_image_id", ondelete="CASCADE"),
    )
    op.create_index("ix_overlap_answers_image_id", "overlap_answers", ["image_id"])
    op.create_table(
        "overlap_pairs",
        sa.Column("first_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("second_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("image_id", NUMBER, nullable=False),
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("first_user_id", NUMBER, nullable=False),
        sa.Column("second_user_id", NUMBER, nullable=False),
        sa.Column("matches", JSON, nullable=False),
        sa.Column("only_first", JSON, nullable=False),
        sa.Column("only_second", JSON, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("first_id", "second_id", name="pk_overlap_pairs"),
        sa.ForeignKeyConstraint(["first_id"], ["images.id"], name="fk_overlap_pairs_first_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["second_id"], ["images.id"], name="fk_overlap_pairs_second_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_overlap_pairs_image_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_overlap_pairs_project_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_overlap_pairs_project_id_image_id", "overlap_pairs", ["project_id", "image_id"])
    op.create_index("ix_overlap_pairs_second_id", "overlap_pairs", ["second_id"])


def downgrade() -> None:
    """Forget how people agreed; their copies stay, and the images are work like any other again."""
    op.drop_table("overlap_pairs")
    op.drop_table("overlap_answers")
    op.drop_index("ix_images_overlap", "images")
    op.drop_column("images", "overlap")
    op.drop_column("projects", "overlap_people")
    op.drop_column("projects", "overlap_share")
