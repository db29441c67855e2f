"""Images that were deleted wait in the trash of their project."""

import sqlalchemy as sa
from alembic import op

revision = "0023_trash"
down_revision = "0022_webhooks"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TRASHED = sa.text("trashed IS NOT NULL")
TRASH_OF = sa.text("trash_of IS NOT NULL")


def upgrade() -> None:
    """Add the columns; no image is in any trash."""
    op.add_column("projects", sa.Column("trash_of", NUMBER, nullable=True))
    op.create_index(
        "uq_projects_trash_of", "projects", ["trash_of"], unique=True, sqlite_where=TRASH_OF, postgresql_where=TRASH_OF
    )
    op.add_column("images", sa.Column("trashed", sa.DateTime(timezone=True), nullable=True))
    op.add_column("images", sa.Column("trashed_user_id", NUMBER, nullable=True))
    op.add_column("images", sa.Column("trashed_name", sa.String(1024), nullable=True))
    op.create_index(
        "ix_images_trashed",
        "images",
        ["project_id", "trashed", "id"],
        sqlite_where=TRASHED,
        postgresql_where=TRASHED,
    )


def downgrade() -> None:
    """Delete for good what is in the trash."""
    op.execute("DELETE FROM images WHERE trashed IS NOT NULL")
    op.execute("DELETE FROM projects WHERE trash_of IS NOT NULL")
    op.drop_index("ix_images_trashed", "images")
    op.drop_column("images", "trashed_name")
    op.drop_column("images", "trashed_user_id")
    op.drop_column("images", "trashed")
    op.drop_index("uq_projects_trash_of", "projects")
    op.drop_column("projects", "trash_of")
