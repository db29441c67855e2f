"""Somebody can say whether all objects of a category are annotated on an image."""

import sqlalchemy as sa
from alembic import op

revision = "0027_exhaustivity"
down_revision = "0026_ranking"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing has been said of any image."""
    op.create_table(
        "exhaustivity",
        sa.Column("image_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("category_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("exhaustive", sa.Boolean(), nullable=False),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("said", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reopened", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_user_id", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("image_id", "category_id", name="pk_exhaustivity"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_exhaustivity_image_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name="fk_exhaustivity_category_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("reopened IS NULL OR exhaustive", name="reopened"),
    )
    op.create_index("ix_exhaustivity_category_id_image_id", "exhaustivity", ["category_id", "image_id"])


def downgrade() -> None:
    """Forget what was said."""
    op.drop_table("exhaustivity")
