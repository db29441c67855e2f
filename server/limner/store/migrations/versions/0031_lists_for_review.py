"""Indexes for lists of images by who submitted them, and in a random order."""

import sqlalchemy as sa
from alembic import op

revision = "0031_lists_for_review"
down_revision = "0030_claims_and_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is changed of what is stored."""
    op.create_index("ix_images_project_id_sha256_id", "images", ["project_id", "sha256", "id"])
    submitted = sa.text("author_id IS NOT NULL")
    op.create_index(
        "ix_images_author",
        "images",
        ["project_id", "author_id", "id"],
        sqlite_where=submitted,
        postgresql_where=submitted,
    )


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_images_author", "images")
    op.drop_index("ix_images_project_id_sha256_id", "images")
