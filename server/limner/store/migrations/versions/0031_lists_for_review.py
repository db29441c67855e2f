"""Indexes for lists of images by who submitted them, and in a random order.

That of the images to work on gets the number of the image, as the others have it: without it, SQLite would rather take
the index of all images.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031_lists_for_review"
down_revision = "0030_claims_and_indexes"
branch_labels = None
depends_on = None

OPEN = "ix_images_open_random"


def upgrade() -> None:
    """Nothing is changed of what is stored."""
    op.create_index("ix_images_project_id_sha256_id", "images", ["project_id", "sha256", "id"])
    _create("ix_images_author", ["project_id", "author_id", "id"], "author_id IS NOT NULL")
    op.drop_index(OPEN, "images")
    _create(OPEN, ["project_id", "sha256", "id"], "state IN ('waiting', 'returned')")


def downgrade() -> None:
    """Without them."""
    op.drop_index(OPEN, "images")
    _create(OPEN, ["project_id", "sha256"], "state IN ('waiting', 'returned')")
    op.drop_index("ix_images_author", "images")
    op.drop_index("ix_images_project_id_sha256_id", "images")


def _create(name: str, columns: list[str], of: str) -> None:
    op.create_index(name, "images", columns, sqlite_where=sa.text(of), postgresql_where=sa.text(of))
