"""Images have tags: free words."""

import sqlalchemy as sa
from alembic import op

revision = "0028_image_tags"
down_revision = "0027_exhaustivity"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No image has a tag yet."""
    op.create_table(
        "image_tags",
        sa.Column("image_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_tags_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", "tag", name="pk_image_tags"),
    )
    op.create_index("ix_image_tags_tag", "image_tags", ["tag", "image_id"])


def downgrade() -> None:
    """Forget the tags."""
    op.drop_table("image_tags")
